// Outlier detection of clusters: its clock, what workers tell, and its event log.
#include <algorithm>
#include "proxy/upstream/cluster_entry.h"
#include "proxy/upstream/outlier_watch.h"

namespace outrigger::upstream {

void ClusterManager::watch_outliers(Entry& e) {
  const auto& config = *e.shared->config;
  const auto stats =
      stats::make_block<stats::OutlierStat>(registry_, "cluster." + stats::sanitize(config.stat_name) + ".outlier_detection.");
  e.outliers.reset(new Outliers{{*config.outlier, stats, registry_, random_}, nullptr});
  auto& detector = e.outliers->detector;
  if (outlier_log_)
    detector.log_to([this, &config](const OutlierDetector::Event& event) {
      outlier_log_(outlier_line(event, config.name, loop_.clock().wall()));
    });
  e.outliers->interval = std::make_unique<event::Callback>(loop_.timers(), [this, &e] { check_outliers(e); });
  e.outliers->interval->arm(detector.interval(*runtime_));
  // Workers may outlive the entry.
  e.shared->outlier = std::make_shared<const OutlierWatch>(
      *config.outlier, [this, told = e.weak_from_this()](const std::shared_ptr<HostStats>& host, Ejection why) {
        loop_.post([this, told, host, why] {
          const auto entry = told.lock();
          if (entry == nullptr) return;
          auto& monitor = monitor_of(*host);
          if (entry->outliers->detector.on_row(monitor, why, loop_.now(), *runtime_)) tell_health(*entry);
        });
      });
}

void ClusterManager::check_outliers(Entry& e) {
  auto& o = *e.outliers;
  if (o.detector.on_interval(loop_.now(), *runtime_)) tell_health(e);
  o.interval->arm(o.detector.interval(*runtime_));
}

namespace {
/// Hosts that left and stayed while their checks passed, which they don't any more.
bool has_leavers(const HostSet& hosts) noexcept {
  return std::any_of(hosts.begin(), hosts.end(), [](const Member& m) {
    constexpr std::uint8_t kGone = kLeaving | kCheckFailed;
    return (m.stats->checked.load(std::memory_order_relaxed) & kGone) == kGone;
  });
}
}  // namespace

/// Once for all hosts whose health changes in this turn.
void ClusterManager::tell_health(Entry& e) {
  if (std::exchange(e.to_tell, true)) return;
  loop_.post([this, told = e.weak_from_this()] {
    const auto entry = told.lock();
    if (entry == nullptr) return;
    entry->to_tell = false;
    publish_health(*entry);
  });
}

void ClusterManager::publish_health(Entry& e) {
  if (e.config().discovery == Discovery::eds && has_leavers(*e.hosts)) return rebuild(e);
  if (e.config().hash != nullptr) return replace(e, std::make_shared<HostSet>(*e.hosts));  // its tables are made anew
  publish(e);
}

const OutlierDetector* ClusterManager::outliers(std::string_view name) const noexcept {
  const auto at = active_.find(name);
  return at == active_.end() || at->second->outliers == nullptr ? nullptr : &at->second->outliers->detector;
}

}  // namespace outrigger::upstream
