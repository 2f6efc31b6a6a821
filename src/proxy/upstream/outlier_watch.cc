#include "proxy/upstream/outlier_watch.h"

namespace outrigger::upstream {

namespace {
constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::uint16_t kServerErrors = 500, kBadGateway = 502, kGatewayTimeout = 504;

void count(HostMonitor::Answers& a, bool well) noexcept {
  a.total.fetch_add(1, kRelaxed);
  if (well) a.good.fetch_add(1, kRelaxed);
}

void forget(HostMonitor& m, Row row) noexcept {
  auto& n = m.row(row);
  if (n.load(kRelaxed) != 0) n.store(0, kRelaxed);
}

/// What stands for a code when there is none. 0: nothing.
std::uint16_t code_for(Sight s) noexcept {
  switch (s) {
    case Sight::connected: return 0;
    case Sight::connected_only: return 200;
    case Sight::timeout: return 504;
    case Sight::failed: return 503;
    case Sight::answer: break;
  }
  return 0;
}
}  // namespace

std::uint64_t row_limit(const OutlierConfig& config, Row row, const runtime::Snapshot& runtime) noexcept {
  switch (row) {
    case Row::all_5xx: return runtime.integer("outlier_detection.consecutive_5xx", config.consecutive_5xx);
    case Row::gateway:
      return runtime.integer("outlier_detection.consecutive_gateway_failure", config.consecutive_gateway_failure);
    case Row::local_origin: break;
  }
  return runtime.integer("outlier_detection.consecutive_local_origin_failure", config.consecutive_local_origin_failure);
}

void OutlierWatch::see(Host& host, Sight sight, std::uint16_t code, const runtime::Snapshot& runtime) const {
  if (sight == Sight::answer) return answered(host, code, runtime);
  if (config_.split) return reached(host, sight == Sight::connected || sight == Sight::connected_only, runtime);
  if (code == 0) code = code_for(sight);
  if (code != 0) answered(host, code, runtime);
}

/// The number that is reached is told, not those beyond it: main sets back the count once it has decided.
void OutlierWatch::count_row(Host& host, Row row, Ejection why, const runtime::Snapshot& runtime) const {
  const auto now = monitor_of(host).row(row).fetch_add(1, kRelaxed) + 1;
  if (now == row_limit(config_, row, runtime)) tell_(host.shared_stats(), why);
}

void OutlierWatch::answered(Host& host, std::uint16_t code, const runtime::Snapshot& runtime) const {
  auto& m = monitor_of(host);
  const bool bad = code >= kServerErrors && code < kServerErrors + 100;
  count(m.answers[0], !bad);
  if (!bad) {
    forget(m, Row::all_5xx);
    return forget(m, Row::gateway);
  }
  if (code >= kBadGateway && code <= kGatewayTimeout)
    count_row(host, Row::gateway, Ejection::consecutive_gateway_failure, runtime);
  else
    forget(m, Row::gateway);
  count_row(host, Row::all_5xx, Ejection::consecutive_5xx, runtime);
}

void OutlierWatch::reached(Host& host, bool well, const runtime::Snapshot& runtime) const {
  auto& m = monitor_of(host);
  count(m.answers[1], well);
  if (well) return forget(m, Row::local_origin);
  count_row(host, Row::local_origin, Ejection::consecutive_local_origin_failure, runtime);
}

}  // namespace outrigger::upstream
