#include "proxy/upstream/aggregate_hosts.h"

#include <algorithm>
#include "proxy/upstream/host_pool.h"
#include "proxy/upstream/load_balancer.h"

namespace outrigger::upstream {

void AggregateHosts::refresh() {
  if (seen_changes_ == clusters_.changes()) return;
  seen_changes_ = clusters_.changes();
  bool changed = false;
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    const auto change = clusters_.listed(config_.listed[i]).change;
    changed = changed || change != seen_[i];
    seen_[i] = change;
  }
  if (changed) rebuild();
}

/// Priorities without a host have no place. An aggregate has no hosts of its own: within another one it adds nothing.
void AggregateHosts::rebuild() {
  places_.clear();
  shares_.clear();
  may_hash_ = false;
  const auto threshold = panic_threshold_of(config_, *thread_.runtime);
  std::vector<PriorityHosts> counts;
  std::vector<PriorityRules> rules;
  for (std::size_t i = 0; i < config_.listed.size(); ++i) {
    const auto listed = clusters_.listed(config_.listed[i]);
    if (listed.config == nullptr) continue;
    may_hash_ = may_hash_ || listed.config->hash != nullptr;
    const auto own = count_priorities(*listed.hosts);
    const auto& policy = listed.hosts->policy;
    for (std::size_t p = 0; p < own.size(); ++p) {
      if (own[p].total == 0) continue;
      places_.push_back({i, static_cast<std::uint32_t>(p)});
      counts.push_back(own[p]);
      rules.push_back({policy.overprovisioning, threshold, policy.weighted_priority_health});
    }
  }
  if (!counts.empty()) shares_ = share_priorities(counts, rules);
}

bool AggregateHosts::may_hash() {
  refresh();
  return may_hash_;
}

std::uint32_t AggregateHosts::priority_of(const Host& host) noexcept {
  const auto& name = static_cast<const HostPool&>(host).cluster().config->name;
  for (std::size_t p = places_.size(); p-- > 0;)
    if (places_[p].priority == host.endpoint().priority && config_.listed[places_[p].cluster] == name)
      return static_cast<std::uint32_t>(p);
  return UINT32_MAX;
}

Host* AggregateHosts::pick(const PickContext& c) {
  refresh();
  if (places_.empty()) return nullptr;
  const auto chosen = choose_priority(shares_, c.priorities, thread_.random);
  const Place& place = places_[chosen.level];
  const PriorityChoice level{place.priority, chosen.degraded};
  PickContext within = c;
  within.level = &level;
  within.priorities = nullptr;
  within.wanted = {};
  within.metadata[0] = within.metadata[1] = nullptr;  // as in Envoy, what is said of the request besides its head is not seen
  within.state = nullptr;
  return clusters_.pick_of(config_.listed[place.cluster], within);
}

}  // namespace outrigger::upstream
