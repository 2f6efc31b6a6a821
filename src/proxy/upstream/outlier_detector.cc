#include "proxy/upstream/outlier_detector.h"

#include <algorithm>
#include <cmath>

namespace outrigger::upstream {

using stats::OutlierStat;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

struct Kind {
  OutlierStat detected, enforced;
  const char* enforcing_key;
};
/// By Ejection.
constexpr Kind kKinds[kEjections] = {
    {OutlierStat::ejections_detected_consecutive_5xx, OutlierStat::ejections_enforced_consecutive_5xx, "consecutive_5xx"},
    {OutlierStat::ejections_detected_consecutive_gateway_failure, OutlierStat::ejections_enforced_consecutive_gateway_failure,
     "consecutive_gateway_failure"},
    {OutlierStat::ejections_detected_success_rate, OutlierStat::ejections_enforced_success_rate, "success_rate"},
    {OutlierStat::ejections_detected_consecutive_local_origin_failure,
     OutlierStat::ejections_enforced_consecutive_local_origin_failure, "consecutive_local_origin_failure"},
    {OutlierStat::ejections_detected_local_origin_success_rate, OutlierStat::ejections_enforced_local_origin_success_rate,
     "local_origin_success_rate"},
    {OutlierStat::ejections_detected_failure_percentage, OutlierStat::ejections_enforced_failure_percentage,
     "failure_percentage"},
    {OutlierStat::ejections_detected_local_origin_failure_percentage,
     OutlierStat::ejections_enforced_local_origin_failure_percentage, "failure_percentage_local_origin"}};
const Kind& kind_of(Ejection why) noexcept { return kKinds[static_cast<std::size_t>(why)]; }

std::uint64_t value(const runtime::Snapshot& r, const char* key, std::uint64_t configured) {
  return r.integer(std::string("outlier_detection.") + key, configured);
}

Duration time(const runtime::Snapshot& r, const char* key, Duration configured) {
  const auto ms = value(r, key, static_cast<std::uint64_t>(configured.count() / 1000));
  constexpr std::uint64_t kMost = 1000ULL * 1000 * 1000 * 1000;  // decades: the arithmetic stays far from its end
  return std::chrono::milliseconds(std::min(ms, kMost));
}

Duration base_of(const OutlierConfig& c, const runtime::Snapshot& r) { return time(r, "base_ejection_time_ms", c.base_ejection); }
Duration max_of(const OutlierConfig& c, const runtime::Snapshot& r) { return time(r, "max_ejection_time_ms", c.max_ejection); }

void forget_rows(HostMonitor& m) noexcept {
  for (auto& n : m.in_a_row) n.store(0, kRelaxed);
}

bool is_ejected(const HostMonitor& m) noexcept { return m.ejected.load(kRelaxed); }

}  // namespace

SuccessRates success_rates(const std::vector<double>& rates, double stdev_factor) {
  double sum = 0, variance = 0;
  for (const double r : rates) sum += r;
  const auto n = static_cast<double>(rates.size());
  const double mean = sum / n;
  for (const double r : rates) variance += (r - mean) * (r - mean);
  return {mean, mean - stdev_factor * std::sqrt(variance / n)};
}

Duration OutlierDetector::interval(const runtime::Snapshot& runtime) const noexcept {
  return std::max<Duration>(time(runtime, "interval_ms", config_.interval), std::chrono::milliseconds(1));
}

/// Those that left are forgotten, ejected or not.
void OutlierDetector::set_members(HostSetPtr hosts) {
  if (hosts_ != nullptr)
    for (const auto& m : *hosts_) monitor_of(m).endpoint = nullptr;
  hosts_ = std::move(hosts);
  std::size_t active = 0;
  for (const auto& m : *hosts_) {
    auto& monitor = monitor_of(m);
    monitor.endpoint = m.endpoint.get();
    active += is_ejected(monitor);
  }
  count_active(active);
}

/// May one more be ejected?
bool OutlierDetector::room(const runtime::Snapshot& runtime) const {
  const auto most = std::min<std::uint64_t>(100, value(runtime, "max_ejection_percent", config_.max_ejection_percent));
  const double percent = 100.0 * static_cast<double>(active_ + 1) / static_cast<double>(hosts_->size());
  return percent <= static_cast<double>(most) || (config_.always_eject_one && active_ == 0);
}

bool OutlierDetector::enforced(Ejection why, const runtime::Snapshot& runtime) {
  const auto percent = config_.enforcing[static_cast<std::size_t>(why)];
  return runtime.enabled(std::string("outlier_detection.enforcing_") + kind_of(why).enforcing_key,
                         {percent, runtime::Denominator::hundred}, random_.next());
}

void OutlierDetector::tell(const HostMonitor& m, bool ejected, bool enforced, Ejection why,
                           std::optional<Duration> since_last) const {
  if (!log_) return;
  const bool local = why == Ejection::success_rate_local_origin || why == Ejection::failure_percentage_local_origin;
  log_({*m.endpoint, m, ejected, enforced, why, rates(local), since_last});
}

void OutlierDetector::detect(HostMonitor& m, Ejection why, TimePoint now, const runtime::Snapshot& runtime) {
  add(kind_of(why).detected);
  if (!room(runtime)) return add(OutlierStat::ejections_overflow);
  if (why == Ejection::consecutive_5xx || why == Ejection::success_rate) add(OutlierStat::ejections_total);
  const bool really = enforced(why, runtime) && !is_ejected(m);  // once, for the first of its reasons
  const auto since = m.back_at == TimePoint{} ? std::nullopt : std::optional<Duration>(now - m.back_at);
  if (really) {
    add(OutlierStat::ejections_enforced_total);
    add(kind_of(why).enforced);
    eject(m, now, runtime);
  }
  tell(m, true, really, why, since);
}

void OutlierDetector::eject(HostMonitor& m, TimePoint now, const runtime::Snapshot& runtime) {
  m.ejected.store(true, kRelaxed);
  m.ejected_at = now;
  ++m.ejections;
  const auto jitter_ms =
      static_cast<std::uint64_t>(time(runtime, "max_ejection_time_jitter_ms", config_.jitter_max).count()) / 1000;
  m.jitter = std::chrono::milliseconds(random_.below(jitter_ms + 1));
  const Duration base = base_of(config_, runtime);
  if (base * m.multiplier < max_of(config_, runtime) + base) ++m.multiplier;
  count_active(active_ + 1);
  changed_ = true;
}

bool OutlierDetector::due(const HostMonitor& m, TimePoint now, const runtime::Snapshot& runtime) const {
  return std::min<Duration>(base_of(config_, runtime) * m.multiplier, max_of(config_, runtime)) + m.jitter <= now - m.ejected_at;
}

void OutlierDetector::bring_back(HostMonitor& m, TimePoint now) {
  m.ejected.store(false, kRelaxed);
  forget_rows(m);
  m.back_at = now;
  count_active(active_ - 1);
  changed_ = true;
  tell(m, false, false, Ejection::consecutive_5xx, now - m.ejected_at);
}

bool OutlierDetector::on_row(HostMonitor& m, Ejection why, TimePoint now, const runtime::Snapshot& runtime) {
  if (m.endpoint == nullptr || is_ejected(m)) return false;
  changed_ = false;
  detect(m, why, now, runtime);
  if (why == Ejection::consecutive_5xx) add(OutlierStat::ejections_consecutive_5xx);
  const Row row = why == Ejection::consecutive_5xx               ? Row::all_5xx
                  : why == Ejection::consecutive_gateway_failure ? Row::gateway
                                                                 : Row::local_origin;
  m.row(row).store(0, kRelaxed);
  return changed_;
}

bool OutlierDetector::on_check_passed(HostMonitor& m, TimePoint now) {
  if (m.endpoint == nullptr || !is_ejected(m) || !config_.back_when_checked) return false;
  bring_back(m, now);
  return true;
}

/// The rates of one kind of answers.
void OutlierDetector::judge(const std::vector<Rated>& hosts, bool local, TimePoint now, const runtime::Snapshot& runtime) {
  const auto& c = config_;
  const auto hosts_min = value(runtime, "success_rate_minimum_hosts", c.success_rate.hosts_min);
  const auto requests_min = value(runtime, "success_rate_request_volume", c.success_rate.requests_min);
  const auto failure_hosts_min = value(runtime, "failure_percentage_minimum_hosts", c.failure_percentage.hosts_min);
  const auto failure_requests_min = value(runtime, "failure_percentage_request_volume", c.failure_percentage.requests_min);
  auto& rates = rates_[local ? 1 : 0];
  rates = {};
  if (hosts_->size() < hosts_min && hosts_->size() < failure_hosts_min) return;
  std::vector<double> valid;
  std::size_t failure_valid = 0;
  for (const auto& h : hosts) {
    if (h.requests >= std::min(requests_min, failure_requests_min)) h.monitor->answers[local ? 1 : 0].rate = h.rate;
    if (h.requests >= requests_min) valid.push_back(h.rate);
    failure_valid += h.requests >= failure_requests_min;
  }
  if (!valid.empty() && valid.size() >= hosts_min) {
    rates = success_rates(valid, static_cast<double>(value(runtime, "success_rate_stdev_factor", c.stdev_factor)) / 1000);
    for (const auto& h : hosts) {
      if (h.requests < requests_min || !(h.rate < rates.threshold)) continue;
      add(OutlierStat::ejections_success_rate);
      detect(*h.monitor, local ? Ejection::success_rate_local_origin : Ejection::success_rate, now, runtime);
    }
  }
  if (failure_valid == 0 || failure_valid < failure_hosts_min) return;
  const auto threshold = static_cast<double>(value(runtime, "failure_percentage_threshold", c.failure_threshold));
  for (const auto& h : hosts)
    if (h.requests >= failure_requests_min && 100.0 - h.rate >= threshold)
      detect(*h.monitor, local ? Ejection::failure_percentage_local_origin : Ejection::failure_percentage, now, runtime);
}

bool OutlierDetector::on_interval(TimePoint now, const runtime::Snapshot& runtime) {
  changed_ = false;
  std::vector<Rated> rated[2];
  for (const auto& member : *hosts_) {
    auto& m = monitor_of(member);
    if (is_ejected(m) && due(m, now, runtime)) bring_back(m, now);
    for (std::size_t i = 0; i < 2; ++i) {
      auto& a = m.answers[i];
      a.rate = -1;
      const std::uint64_t total = a.total.exchange(0, kRelaxed),
                          good = std::min<std::uint64_t>(a.good.exchange(0, kRelaxed), total);
      if (total != 0) rated[i].push_back({&m, total, 100.0 * static_cast<double>(good) / static_cast<double>(total)});
    }
  }
  for (const bool local : {false, true}) {
    auto& hosts = rated[local ? 1 : 0];
    std::erase_if(hosts, [](const Rated& h) { return is_ejected(*h.monitor); });
    judge(hosts, local, now, runtime);
  }
  const Duration calm = time(runtime, "interval_ms", config_.interval);
  for (const auto& member : *hosts_) {
    auto& m = monitor_of(member);
    if (!is_ejected(m) && m.back_at != TimePoint{} && now - m.back_at >= calm && m.multiplier != 0) --m.multiplier;
  }
  return changed_;
}

}  // namespace outrigger::upstream
