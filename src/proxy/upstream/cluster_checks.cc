// Active health checks of clusters: when they begin, and what their results do to the members and to what waits for them.
#include "proxy/upstream/cluster_entry.h"
#include "proxy/upstream/host_monitor.h"

namespace outrigger::upstream {

void ClusterManager::watch_health(Entry& e) {
  const auto& config = e.config();
  const auto stats =
      stats::make_block<stats::HealthCheckStat>(registry_, "cluster." + stats::sanitize(config.stat_name) + ".health_check.");
  e.unchecked = true;
  e.checks = std::make_unique<HealthChecker>(main_, registry_, e.shared, stats,
                                             [this, &e](const CheckedHost& host) { on_checked(e, host); });
  // Workers may outlive the entry.
  e.shared->fail_check = [this, told = e.weak_from_this()](const std::shared_ptr<HostStats>& host) {
    loop_.post([told, host] {
      if (const auto entry = told.lock(); entry != nullptr && entry->checks != nullptr) entry->checks->fail(host);
    });
  };
}

bool ClusterManager::awaits_checks(std::string_view name) const noexcept {
  const auto at = warming_.find(name);
  return at != warming_.end() && at->second->has_members() && at->second->unchecked;
}

void ClusterManager::stop_checks() {
  for (const Entries* all : {&active_, &warming_})
    for (const auto& [name, e] : *all) e->checks = nullptr;
}

/// Once its secrets are there.
void ClusterManager::begin_checks(const EntryPtr& e) {
  if (e->checks != nullptr && !e->held) e->checks->begin();
}

/// All first members have had their check: the cluster is warm, and what was found is told.
void ClusterManager::note_checks(Entry& e) {
  if (!e.unchecked || !e.has_members() || e.checks == nullptr || !e.checks->begun() || !e.checks->all_checked()) return;
  e.unchecked = false;
  if (!e.hosts->empty()) publish_health(e);
}

void ClusterManager::on_checked(Entry& e, const CheckedHost& host) {
  bool changed = host.verdict.transition == Transition::changed;
  const bool well = (host.stats->checked.load(std::memory_order_relaxed) & kCheckFailed) == 0;
  if (host.verdict.healthy && well && e.outliers != nullptr &&
      e.outliers->detector.on_check_passed(monitor_of(*host.stats), loop_.now()))
    changed = true;
  if (changed && !e.unchecked) tell_health(e);
  if (!e.unchecked || !host.verdict.first || !e.has_members() || !e.checks->all_checked()) return;
  loop_.post([this, told = e.weak_from_this()] {
    const auto entry = told.lock();
    if (entry != nullptr && entry->unchecked) settle(entry);
  });
}

}  // namespace outrigger::upstream
