#include "proxy/upstream/cluster_manager.h"

#include "proxy/base/log.h"
#include "proxy/upstream/cluster_entry.h"

namespace outrigger::upstream {

using stats::ClusterManagerStat;

ClusterManager::ClusterManager(runtime::ThreadContext& main, stats::Registry& registry)
    : main_(main),
      loop_(main.loop),
      registry_(registry),
      random_(main.random),
      stats_(stats::make_block<stats::ClusterManagerStat>(registry, "cluster_manager.")),
      alt_stats_(stats::make_named_blocks<stats::AltClusterStat>(registry, "cluster.")),
      dns_caches_(main, registry, [this](const DnsOptions& options) -> Dns& { return resolver(options); }) {
  dns_caches_.on_change = [this](const DnsCache& cache, const DnsCaches::Changes& changes) { follow(cache, changes); };
}
ClusterManager::~ClusterManager() = default;

namespace {
const std::string kCircuitKeys = "circuit_breakers.";

void set_remaining(stats::Registry& r, stats::BlockHandle b, const Thresholds& t) {
  using S = stats::RemainingStat;
  r.set(b, S::remaining_cx, t.connections);
  r.set(b, S::remaining_pending, t.pending);
  r.set(b, S::remaining_rq, t.requests);
  r.set(b, S::remaining_retries, t.retries);
  r.set(b, S::remaining_cx_pools, t.connection_pools);
}

std::string prefix_of(const ClusterConfig& c) { return "cluster." + stats::sanitize(c.stat_name) + "."; }

/// The stats that every cluster has, and the limits.
void init_shared(ClusterShared& s, stats::Registry& registry) {
  const ClusterConfig& config = *s.config;
  const std::string prefix = prefix_of(config);
  s.stats = stats::make_block<stats::ClusterStat>(registry, prefix);
  if (config.http_use != HttpUse::http1) s.http2_stats = stats::make_block<stats::Http2Stat>(registry, prefix + "http2.");
  if (config.track_timeout_budgets) s.tracking.budgets = stats::make_block<stats::TimeoutBudgetStat>(registry, prefix);
  if (config.track_sizes) s.tracking.sizes = stats::make_block<stats::RequestSizeStat>(registry, prefix);
  for (const bool high : {false, true}) {
    const auto& t = s.thresholds(high);
    stats::BlockHandle remaining;
    if (t.track_remaining) {
      remaining = stats::make_block<stats::RemainingStat>(registry, prefix + "circuit_breakers." + (high ? "high." : "default."));
      set_remaining(registry, remaining, t);
    }
    s.circuit[high ? 1 : 0].init(t, high, s.stats, remaining);
  }
}
}  // namespace

ClusterManager::EntryPtr ClusterManager::make(ClusterConfigPtr config, stats::LeasePtr lease) {
  auto made = std::make_shared<Entry>();
  Entry& e = *made;
  stats::Recording recording(registry_);
  e.shared = std::make_shared<ClusterShared>();
  e.shared->config = config;
  e.shared->alt_stats = &alt_stats_;
  init_shared(*e.shared, registry_);
  if (config->lb == LbKind::ring_hash)
    for (const char* name : {"min_hashes_per_host", "max_hashes_per_host", "size"})
      e.hash_gauges.push_back(registry_.gauge(prefix_of(*config) + "ring_hash_lb." + name));
  if (config->lb == LbKind::maglev)
    for (const char* name : {"min_entries_per_host", "max_entries_per_host"})
      e.hash_gauges.push_back(registry_.gauge(prefix_of(*config) + "maglev_lb." + name));
  if (config->subset != nullptr)
    e.single_host_duplicates = registry_.gauge(prefix_of(*config) + "lb_subsets_single_host_per_subset_duplicate");
  if (config->outlier != nullptr) watch_outliers(e);
  if (config->health != nullptr) watch_health(e);
  e.shared->leases = {std::move(lease), recording.take()};
  if (runtime_->has_any(kCircuitKeys)) apply_runtime(e);
  if (config->discovery == Discovery::original_dst) watch_destinations(e);
  e.names.resize(config->dns->hosts.size());
  e.waiting = e.names.size();
  e.awaits_members = config->discovery == Discovery::eds;
  e.endpoints = EndpointsPtr(config, &config->endpoints);
  e.policy = config->policy;
  for (const auto& p : config->endpoints) count_matches(e, p->metadata.get(), 1);
  rebuild(e);
  if (config->dns_cache != nullptr) forward_to(e, dns_caches_.known(*config->dns_cache));
  return made;
}

bool ClusterManager::add(ClusterConfigPtr config) {
  if (known(config->name)) return false;
  auto e = make(config, nullptr);
  e->active = true;
  if (e->cold = !e->warm(); e->cold) ++cold_;
  active_.emplace(config->name, std::move(e));
  registry_.main().add(stats_, ClusterManagerStat::cluster_added);
  registry_.set(stats_, ClusterManagerStat::active_clusters, active_.size());
  return true;
}

void ClusterManager::set(ClusterConfigPtr config, stats::LeasePtr lease, bool held) {
  const bool replaces = known(config->name) || is_warming(config->name);
  const EntryPtr e = make(config, std::move(lease));
  registry_.main().add(stats_, replaces ? ClusterManagerStat::cluster_modified : ClusterManagerStat::cluster_added);
  e->held = held;
  warming_.insert_or_assign(config->name, e);
  begin_resolving(*e);
  begin_checks(e);
  settle(e);
}

void ClusterManager::release(std::string_view name) {
  const auto at = warming_.find(name);
  if (at == warming_.end() || !std::exchange(at->second->held, false)) return;
  const EntryPtr e = at->second;  // settle() may take it out of the map
  begin_checks(e);
  settle(e);
}

/// A cluster that is warm serves from now on.
void ClusterManager::settle(const EntryPtr& e) {
  note_checks(*e);
  if (!e->warm()) return count_clusters();
  if (std::exchange(e->cold, false)) --cold_;
  const auto at = warming_.find(e->config().name);
  if (at != warming_.end() && at->second == e) {
    warming_.erase(at);
    activate(e);
  }
  count_clusters();
}

void ClusterManager::activate(const EntryPtr& e) {
  const std::string& name = e->config().name;
  e->active = true;
  active_.erase(name);  // with its key
  active_.emplace(name, e);
  if (workers_.update) workers_.update(e->shared, e->hosts);
  if (on_active) on_active(name);
}

bool ClusterManager::remove(std::string_view name) {
  const auto gone = active_.find(name), warming = warming_.find(name);
  if (gone == active_.end() && warming == warming_.end()) return false;
  if (warming != warming_.end()) warming_.erase(warming);
  if (gone != active_.end()) {
    if (workers_.remove) workers_.remove(gone->first);
    active_.erase(gone);
  }
  registry_.main().add(stats_, ClusterManagerStat::cluster_removed);
  count_clusters();
  return true;
}

void ClusterManager::set_runtime(std::shared_ptr<const runtime::Snapshot> snapshot) {
  dns_caches_.set_runtime(snapshot);
  const bool concerned = runtime_->has_any(kCircuitKeys) || snapshot->has_any(kCircuitKeys);
  runtime_ = std::move(snapshot);
  if (!concerned) return;
  for (const Entries* all : {&active_, &warming_})
    for (const auto& [name, e] : *all) apply_runtime(*e);
}

void ClusterManager::apply_runtime(Entry& e) {
  for (const bool high : {false, true})
    e.shared->circuit[high ? 1 : 0].apply(e.shared->thresholds(high), *runtime_,
                                          kCircuitKeys + e.config().name + (high ? ".high." : ".default."), registry_.main());
}

void ClusterManager::start(Workers workers, std::function<void()> ready) {
  workers_ = std::move(workers);
  dns_caches_.start(workers_.on_each);
  for (const auto& [name, e] : active_) workers_.update(e->shared, e->hosts);
  for (const auto& [name, e] : active_) begin_resolving(*e);
  for (const auto& [name, e] : active_) {
    begin_checks(e);
    settle(e);
  }
  when_warm(std::move(ready));
}

void ClusterManager::when_warm(std::function<void()> f) {
  ready_ = std::move(f);
  count_clusters();
}

/// Shows how many are warm, and tells when all are.
void ClusterManager::count_clusters() {
  registry_.set(stats_, ClusterManagerStat::warming_clusters, warming_.size() + cold_);
  registry_.set(stats_, ClusterManagerStat::active_clusters, active_.size());
  if (warming_.empty() && cold_ == 0 && ready_) std::exchange(ready_, nullptr)();
}

void ClusterManager::each(const std::function<void(const ClusterShared&, const HostSet&)>& f) const {
  for (const auto& [name, e] : active_) f(*e->shared, *e->hosts);
}

}  // namespace outrigger::upstream
