#include "proxy/upstream/zone_routing.h"

#include <set>
#include "proxy/upstream/priority_load.h"

namespace outrigger::upstream {

using stats::ClusterStat;

namespace {
constexpr std::uint64_t kAll = 10000;  // shares are in hundredths of a percent

std::uint64_t share_of(std::uint64_t part, std::uint64_t all) noexcept { return all == 0 ? 0 : kAll * part / all; }
}  // namespace

void ZoneRouting::start(const LocalCluster& local, stats::BlockHandle stats) noexcept {
  local_ = &local;
  stats_ = stats;
}

/// Not when the local cluster does not know of this proxy's locality: the others do not count on it either.
bool ZoneRouting::can_route(const std::vector<LocalityShare>& cluster) {
  if (cluster.size() < 2) return false;
  std::set<Locality> local;
  if (local_->hosts != nullptr)
    for (const auto& m : *local_->hosts)
      if (m.endpoint->priority == 0) local.insert(*m.endpoint->locality);
  if (local.size() < 2 && !config_.zones->forced_size_min) return false;
  if (node() == *no_locality() || !local.contains(node())) {
    add(ClusterStat::lb_local_cluster_not_ok);
    return false;
  }
  std::uint64_t healthy = 0;
  for (const auto& l : cluster) healthy += l.hosts;
  if (healthy >= thread_.runtime->integer("upstream.zone_routing.min_cluster_size", config_.zones->cluster_size_min)) return true;
  add(ClusterStat::lb_zone_cluster_too_small);
  return false;
}

/// The healthy hosts of the local cluster's first priority, or their weights.
std::map<Locality, std::uint64_t> ZoneRouting::count_local(std::uint64_t panic_threshold) {
  std::map<Locality, std::uint64_t> counts;
  PriorityHosts all;
  for (const auto& m : *local_->hosts) {
    const auto& e = *m.endpoint;
    if (e.priority != 0) continue;
    ++all.total;
    const Health health = health_of(e, *m.stats);
    all.excluded += health == Health::draining;
    all.degraded += health == Health::degraded;
    if (!is_healthy(health)) continue;
    ++all.healthy;
    counts[*e.locality] += config_.zones->by_weight ? e.weight : 1;
  }
  local_in_panic_ = in_panic(all, panic_threshold);
  return counts;
}

void ZoneRouting::update(const std::vector<LocalityShare>& cluster, std::uint64_t panic_threshold) {
  add(ClusterStat::lb_recalculate_zone_structures);
  state_ = State::none;
  if (!can_route(cluster)) return;
  const auto& rules = *config_.zones;
  const auto local = count_local(panic_threshold);
  std::uint64_t local_all = 0, cluster_all = 0;
  for (const auto& [locality, n] : local) local_all += n;
  const auto size_of = [&](const LocalityShare& l) { return rules.by_weight ? l.weight : l.hosts; };
  for (const auto& l : cluster) cluster_all += size_of(l);
  const auto local_part = [&](const LocalityShare& l) {
    const auto at = local.find(*l.locality);
    return l.hosts == 0 || at == local.end() ? 0 : share_of(at->second, local_all);
  };
  const bool has_own = *cluster.front().locality == node();
  const std::uint64_t own_proxies = local_part(cluster.front()), own_hosts = share_of(size_of(cluster.front()), cluster_all);
  const bool forced = rules.forced_size_min && cluster.front().hosts >= *rules.forced_size_min;
  if (has_own && ((own_hosts > 0 && own_hosts >= own_proxies) || forced)) {
    state_ = State::direct;
    return;
  }
  state_ = State::residual;
  local_share_ = has_own && own_proxies > 0 ? own_hosts * kAll / own_proxies : 0;
  residual_.assign(cluster.size(), 0);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    const auto hosts = share_of(size_of(cluster[i]), cluster_all), proxies = local_part(cluster[i]);
    if ((i > 0 || !has_own) && hosts > proxies) sum += hosts - proxies;
    residual_[i] = sum;
  }
}

ZoneRouting::Choice ZoneRouting::choose(std::size_t& index) noexcept {
  if (state_ == State::none) return Choice::any_host;
  const runtime::FractionalPercent enabled{config_.zones->enabled_percent, runtime::Denominator::hundred};
  if (!thread_.runtime->enabled("upstream.zone_routing.enabled", enabled, thread_.random.next())) return Choice::any_host;
  if (local_in_panic_) {
    add(ClusterStat::lb_local_cluster_not_ok);
    return config_.fail_traffic_on_panic ? Choice::no_host : Choice::any_host;
  }
  index = 0;
  if (state_ == State::direct) {
    add(ClusterStat::lb_zone_routing_all_directly);
    return Choice::locality;
  }
  if (thread_.random.below(kAll) < local_share_) {
    add(ClusterStat::lb_zone_routing_sampled);
    return Choice::locality;
  }
  add(ClusterStat::lb_zone_routing_cross_zone);
  if (residual_.back() == 0) {  // what rounding left
    add(ClusterStat::lb_zone_no_capacity_left);
    index = thread_.random.below(residual_.size());
    return Choice::locality;
  }
  const auto at = thread_.random.below(residual_.back());
  while (at >= residual_[index]) ++index;
  return Choice::locality;
}

}  // namespace outrigger::upstream
