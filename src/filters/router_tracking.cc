// What is measured of each request to a cluster that asks for it (track_cluster_stats).
#include "filters/router.h"

namespace outrigger::filters {

using stats::RequestSizeStat;
using stats::TimeoutBudgetStat;

namespace {
/// In stats::kPercentScale; nothing is used of a timeout that never comes.
std::uint64_t part_of(Duration used, std::optional<Duration> timeout) noexcept {
  if (!timeout || timeout->count() == 0) return 0;
  return static_cast<std::uint64_t>(used.count()) * stats::kPercentScale / static_cast<std::uint64_t>(timeout->count());
}

/// As Envoy's header map has them, with those that begin with a colon.
std::uint64_t pseudo_bytes(const http::RequestHead& head) noexcept {
  constexpr std::size_t kNames = std::string_view(":method:path:scheme:authority").size();
  return kNames + head.method.size() + head.path.size() + head.scheme.size() + head.authority.size();
}
constexpr std::size_t kPseudoHeaders = 4, kStatusBytes = std::string_view(":status200").size();
}  // namespace

/// The attempt is over.
void Attempt::track() {
  const auto& tracking = router_.cluster_->tracking();
  auto& thread = router_.stream_.thread();
  if (tracking.budgets)
    thread.cells.record(tracking.budgets, TimeoutBudgetStat::upstream_rq_timeout_budget_per_try_percent_used,
                        part_of(thread.loop.now() - started_, router_.per_try_value_));
  if (!tracking.sizes) return;
  const auto record = [&](RequestSizeStat stat, std::uint64_t value) { thread.cells.record(tracking.sizes, stat, value); };
  const auto& head = router_.stream_.request();
  record(RequestSizeStat::upstream_rq_headers_size, pseudo_bytes(head) + head.headers.byte_size());
  record(RequestSizeStat::upstream_rq_headers_count, kPseudoHeaders + head.headers.size());
  record(RequestSizeStat::upstream_rq_body_size, sent_bytes_);
  if (response_headers_ == 0) return;
  record(RequestSizeStat::upstream_rs_headers_size, response_head_bytes_);
  record(RequestSizeStat::upstream_rs_headers_count, response_headers_);
  record(RequestSizeStat::upstream_rs_body_size, received_bytes_);
}

void Attempt::measure_head(const http::ResponseHead& head) noexcept {
  response_head_bytes_ = kStatusBytes + head.headers.byte_size();
  response_headers_ = static_cast<std::uint32_t>(1 + head.headers.size());
}

/// How much of the route's timeout the whole request took.
void Router::track_budget(Duration used) {
  const auto& tracking = cluster_->tracking();
  if (tracking.budgets)
    stream_.thread().cells.record(tracking.budgets, TimeoutBudgetStat::upstream_rq_timeout_budget_percent_used,
                                  part_of(used, timeout_value_));
}

}  // namespace outrigger::filters
