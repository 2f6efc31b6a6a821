#include "proxy/upstream/load_balancer.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace outrigger::upstream {

LoadBalancer::LoadBalancer(const ClusterConfig& config, runtime::ThreadContext& thread)
    : config_(config), thread_(thread), by_locality_(config.locality_weighted), zones_(config, thread) {}

/// The hosts of one priority.
struct LoadBalancer::Members {
  struct Group {
    std::vector<Host*> healthy, degraded;
    std::size_t hosts = 0, counted = 0;  // all, and those that are not excluded
    std::uint32_t weight = 0;
  };
  std::vector<Host*> all;
  std::map<Locality, Group> localities;
  PriorityHosts count;

  void add(Host& h) {
    const auto& e = h.endpoint();
    all.push_back(&h);
    auto& group = localities[*e.locality];
    group.weight = e.locality_weight;
    ++group.hosts;
    const Health health = h.health();
    count.add(health, e.weight);
    if (health == Health::draining) return;
    ++group.counted;
    if (is_healthy(health))
      group.healthy.push_back(&h);
    else if (health == Health::degraded)
      group.degraded.push_back(&h);
  }
  void scale(std::uint32_t priority, const LocalitySizes& whole) {
    for (auto& [name, group] : localities) {
      const auto weight = static_cast<double>(group.weight) * static_cast<double>(group.hosts);
      const auto size = whole.find({priority, name});
      if (size != whole.end()) group.weight = static_cast<std::uint32_t>(std::round(weight / static_cast<double>(size->second)));
    }
  }
};

/// A locality takes part by its weight, less when too few of its hosts can be used.
void LoadBalancer::build(Kind& kind, const Members& members, bool degraded) {
  std::vector<Host*> hosts;
  for (const auto& [name, group] : members.localities) {
    const auto& usable = degraded ? group.degraded : group.healthy;
    hosts.insert(hosts.end(), usable.begin(), usable.end());
    if (!by_locality_ || usable.empty() || group.weight == 0) continue;
    const double there = static_cast<double>(usable.size()) / group.counted;
    const double weight = group.weight * std::min(1.0, policy_.overprovisioning / 100.0 * there);
    kind.turns.add(kind.localities.size(), weight);
    kind.weights.push_back(weight);
    kind.localities.emplace_back().assign(usable, config_, thread_);
  }
  kind.hosts.assign(std::move(hosts), config_, thread_);
}

void LoadBalancer::build_zones(const Members& members, std::uint64_t panic_threshold) {
  std::vector<LocalityShare> shares;
  zone_hosts_.clear();
  const auto add = [&](const Locality& locality, const Members::Group& group) {
    auto& share = shares.emplace_back(LocalityShare{&locality, group.healthy.size(), 0});
    for (const Host* h : group.healthy) share.weight += h->endpoint().weight;
    auto& hosts = zone_hosts_.emplace_back();
    hosts.healthy.assign(group.healthy, config_, thread_);
    hosts.degraded.assign(group.degraded, config_, thread_);
  };
  const auto own = members.localities.find(zones_.node());
  if (own != members.localities.end()) add(own->first, own->second);
  for (auto at = members.localities.begin(); at != members.localities.end(); ++at)
    if (at != own) add(at->first, at->second);
  zones_.update(shares, panic_threshold);
}

void LoadBalancer::update(const std::vector<Host*>& hosts, const AssignmentPolicy& policy, const LocalitySizes* whole) {
  policy_ = policy;
  std::vector<Members> members(1);
  for (Host* h : hosts) {
    const auto p = h->endpoint().priority;
    if (members.size() <= p) members.resize(p + 1);
    members[p].add(*h);
  }
  if (whole != nullptr)
    for (std::size_t p = 0; p < members.size(); ++p) members[p].scale(static_cast<std::uint32_t>(p), *whole);
  PriorityRules rules;
  rules.overprovisioning = policy_.overprovisioning;
  rules.by_weight = policy_.weighted_priority_health;
  rules.panic_threshold = panic_threshold_of(config_, *thread_.runtime);
  std::vector<PriorityHosts> counts;
  if (zones_.started()) build_zones(members.front(), rules.panic_threshold);
  levels_.clear();
  levels_.resize(members.size());
  for (std::size_t p = 0; p < members.size(); ++p) {
    counts.push_back(members[p].count);
    build(levels_[p].healthy, members[p], false);
    build(levels_[p].degraded, members[p], true);
    levels_[p].all.assign(std::move(members[p].all), config_, thread_);
  }
  shares_ = share_priorities(counts, rules);
}

namespace {
/// By the health of the priorities that are not excluded; when they have none, of all.
PriorityChoice other_priority(const std::vector<PriorityShare>& shares, Priorities& priorities, std::uint32_t at) noexcept {
  const auto out = [&](std::size_t p) { return p < Priorities::kMax && priorities.excluded[p]; };
  const auto sum = [&] {
    std::uint32_t n = 0;
    for (std::size_t p = 0; p < shares.size(); ++p)
      if (!out(p)) n += shares[p].health + shares[p].degraded;
    return std::min(n, 100U);
  };
  std::uint32_t total = sum();
  if (total == 0) {
    priorities.excluded.reset();
    priorities.exhausted = true;
    total = sum();
  }
  if (total == 0) return priority_at(shares, at);
  std::optional<PriorityChoice> picked;
  for (const bool degraded : {false, true})
    for (std::size_t p = 0; p < shares.size(); ++p) {
      const auto could = out(p) ? 0 : degraded ? shares[p].degraded : shares[p].health;
      if (could == 0) continue;
      if (!picked) picked = {p, degraded};  // what rounding leaves
      const std::uint32_t load = could * 100 / total;
      if (at < load) return {p, degraded};
      at -= load;
    }
  return *picked;
}
}  // namespace

PriorityChoice choose_priority(const std::vector<PriorityShare>& shares, Priorities* priorities, Random& random) noexcept {
  if (priorities == nullptr && shares.size() == 1 && shares[0].degraded_load == 0) return {};
  const auto at = static_cast<std::uint32_t>(random.below(100));
  return priorities == nullptr ? priority_at(shares, at) : other_priority(shares, *priorities, at);
}

Host* LoadBalancer::pick(const PickContext& c, stats::BlockHandle stats) {
  Host* host = nullptr;
  bool panic = false;
  for (std::uint32_t i = 0; i <= c.attempts_max; ++i) {
    host = pick(panic, c.priorities, c.level);
    if (panic) thread_.cells.add(stats, stats::ClusterStat::lb_healthy_panic);
    if (host == nullptr || c.avoid == nullptr || !c.avoid->rejects(*host)) break;
  }
  return host;
}

Host* LoadBalancer::pick(bool& panic, Priorities* priorities, const PriorityChoice* chosen) {
  const PriorityChoice picked = chosen != nullptr ? *chosen : choose_priority(shares_, priorities, thread_.random);
  panic = false;
  if (picked.level >= levels_.size()) return nullptr;
  auto& level = levels_[picked.level];
  panic = shares_[picked.level].panic;
  if (panic) return config_.fail_traffic_on_panic ? nullptr : level.all.pick(config_, thread_);
  auto& kind = picked.degraded ? level.degraded : level.healthy;
  if (!kind.turns.empty()) {
    const auto locality = kind.turns.next([&](std::size_t i) { return kind.weights[i]; });
    return kind.localities[locality].pick(config_, thread_);
  }
  if (std::size_t zone = 0; picked.level == 0 && zones_.started()) {
    const auto choice = zones_.choose(zone);
    if (choice == ZoneRouting::Choice::no_host) return nullptr;
    if (choice == ZoneRouting::Choice::locality)
      if (auto& near = picked.degraded ? zone_hosts_[zone].degraded : zone_hosts_[zone].healthy; !near.empty())
        return near.pick(config_, thread_);
  }
  return kind.hosts.pick(config_, thread_);  // also when the locality has none of this health
}

}  // namespace outrigger::upstream
