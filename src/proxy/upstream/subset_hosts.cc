#include "proxy/upstream/subset_hosts.h"

#include <algorithm>
#include "proxy/upstream/subset_config.h"

namespace outrigger::upstream {

SubsetHosts::SubsetHosts(const ClusterShared& cluster, runtime::ThreadContext& thread, bool single)
    : cluster_(cluster), thread_(thread), single_(single) {
  const ClusterConfig& config = *cluster.config;
  if (single) return;
  if (config.hash != nullptr) {
    hashed_ = std::make_unique<Hashed>(Hashed{HashBalancer(cluster, thread.random), {}, {}});
    return;
  }
  balancer_ = std::make_unique<LoadBalancer>(config, thread);
  if (!config.subset->locality_weights) balancer_->ignore_locality_weights();
}

void SubsetHosts::update(const std::vector<Host*>& hosts, const AssignmentPolicy& policy, const LocalitySizes* whole) {
  if (balancer_ != nullptr) return balancer_->update(hosts, policy, whole);
  if (single_) {
    const auto first = std::min_element(
        hosts.begin(), hosts.end(), [](const Host* a, const Host* b) { return a->endpoint().priority < b->endpoint().priority; });
    one_ = first == hosts.end() ? nullptr : *first;
    return;
  }
  hashed_->hosts = hosts;
  hashed_->policy = policy;
  hashed_->stale = true;
}

void SubsetHosts::build_tables() {
  auto& h = *hashed_;
  const auto& config = *cluster_.config;
  HostSet set;
  set.policy = h.policy;
  set.reserve(h.hosts.size());
  for (const Host* host : h.hosts) set.push_back({host->endpoint_ptr(), host->shared_stats()});
  const auto panic = panic_threshold_of(config, *thread_.runtime);
  HashSpread spread;
  const bool by_locality = config.locality_weighted && config.subset->locality_weights;
  h.balancer.update(build_hash_tables(config, set, panic, by_locality, spread), h.hosts);
  h.stale = false;
}

Host* SubsetHosts::pick(const PickContext& c) {
  if (single_) return one_;
  if (balancer_ != nullptr) return balancer_->pick(c, cluster_.stats);
  if (hashed_->stale) build_tables();
  bool panic = false;
  Host* host = hashed_->balancer.pick(c, panic);
  if (panic) thread_.cells.add(cluster_.stats, stats::ClusterStat::lb_healthy_panic);
  return host;
}

}  // namespace outrigger::upstream
