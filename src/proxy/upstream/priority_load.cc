#include "proxy/upstream/priority_load.h"

#include <algorithm>
#include "proxy/upstream/cluster_config.h"
#include "proxy/upstream/shared.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

namespace {

std::uint32_t capacity(std::uint64_t good, std::uint64_t all, std::uint32_t overprovisioning) noexcept {
  return all == 0 ? 0 : static_cast<std::uint32_t>(std::min<std::uint64_t>(100, good * overprovisioning / all));
}

void measure(PriorityShare& share, const PriorityHosts& h, const PriorityRules& rules) noexcept {
  const bool w = rules.by_weight;
  const std::uint64_t all = h.total == h.excluded ? 0 : w ? h.total_weight - h.excluded_weight : h.total - h.excluded;
  share.health = capacity(w ? h.healthy_weight : h.healthy, all, rules.overprovisioning);
  share.degraded = capacity(w ? h.degraded_weight : h.degraded, all, rules.overprovisioning);
}

/// Healthy hosts of every priority come before degraded ones of any; each takes what it can of what is
/// left, scaled up when all together can take less than everything. Rounding goes to the first.
void share_by_health(std::vector<PriorityShare>& shares, std::uint32_t total) noexcept {
  std::uint32_t left = 100;
  std::uint32_t* first = nullptr;
  const auto give = [&](std::uint32_t could, std::uint32_t& gets) {
    gets = std::min(left, could * 100 / total);
    left -= gets;
    if (first == nullptr && could != 0) first = &gets;
  };
  for (auto& s : shares) give(s.health, s.healthy_load);
  for (auto& s : shares) give(s.degraded, s.degraded_load);
  if (first != nullptr) *first += left;
}

/// All in panic: by the number of hosts.
void share_by_size(std::vector<PriorityShare>& shares, const std::vector<PriorityHosts>& hosts) noexcept {
  std::uint64_t total = 0;
  for (const auto& h : hosts) total += h.total;
  std::uint32_t left = 100;
  PriorityShare* first = nullptr;
  for (std::size_t p = 0; p < shares.size(); ++p) {
    auto& s = shares[p];
    s.healthy_load = total == 0 ? 0 : static_cast<std::uint32_t>(100 * hosts[p].total / total);
    s.degraded_load = 0;
    left -= s.healthy_load;
    if (first == nullptr && hosts[p].total != 0) first = &s;
  }
  (first == nullptr ? shares.front() : *first).healthy_load += left;
}

}  // namespace

void PriorityHosts::add(Health health, std::uint32_t weight) noexcept {
  const auto count = [weight](std::uint64_t& hosts, std::uint64_t& weights) {
    ++hosts;
    weights += weight;
  };
  count(total, total_weight);
  if (health == Health::draining) return count(excluded, excluded_weight);
  if (is_healthy(health)) return count(healthy, healthy_weight);
  if (health == Health::degraded) count(degraded, degraded_weight);
}

PriorityChoice priority_at(const std::vector<PriorityShare>& shares, std::uint32_t at) noexcept {
  for (const bool degraded : {false, true})
    for (std::size_t p = 0; p < shares.size(); ++p) {
      const auto load = degraded ? shares[p].degraded_load : shares[p].healthy_load;
      if (at < load) return {p, degraded};
      at -= load;
    }
  return {};
}

bool in_panic(const PriorityHosts& h, std::uint64_t threshold) noexcept {
  const std::uint64_t all = h.total - h.excluded;
  return all == 0 ? threshold > 0 : (h.healthy + h.degraded) * 100 < threshold * all;
}

namespace {
template <class RulesOf>
std::vector<PriorityShare> share(const std::vector<PriorityHosts>& hosts, std::uint64_t panic_threshold, RulesOf rules_of) {
  std::vector<PriorityShare> shares(hosts.size());
  std::uint32_t total = 0;
  for (std::size_t p = 0; p < hosts.size(); ++p) {
    measure(shares[p], hosts[p], rules_of(p));
    total = std::min(100U, total + shares[p].health + shares[p].degraded);
  }
  if (total != 0) share_by_health(shares, total);
  if (total == 0 && panic_threshold == 0) {
    shares[0].healthy_load = 100;  // nobody is there
    return shares;
  }
  bool all_in_panic = true;
  for (std::size_t p = 0; p < shares.size(); ++p) {
    shares[p].panic = total < 100 && in_panic(hosts[p], panic_threshold);
    all_in_panic = all_in_panic && shares[p].panic;
  }
  if (all_in_panic) share_by_size(shares, hosts);
  return shares;
}
}  // namespace

std::vector<PriorityHosts> count_priorities(const HostSet& hosts) {
  std::vector<PriorityHosts> counts;
  for (const auto& m : hosts) {
    const auto priority = m.endpoint->priority;
    if (counts.size() <= priority) counts.resize(priority + 1);
    counts[priority].add(health_of(*m.endpoint, *m.stats), m.endpoint->weight);
  }
  return counts;
}

std::uint64_t panic_threshold_of(const ClusterConfig& config, const runtime::Snapshot& runtime) {
  return std::min<std::uint64_t>(100, runtime.integer("upstream.healthy_panic_threshold", config.panic_percent));
}

std::vector<PriorityShare> share_priorities(const std::vector<PriorityHosts>& hosts, const PriorityRules& rules) {
  return share(hosts, rules.panic_threshold, [&](std::size_t) -> const PriorityRules& { return rules; });
}

std::vector<PriorityShare> share_priorities(const std::vector<PriorityHosts>& hosts, const std::vector<PriorityRules>& rules) {
  return share(hosts, rules.front().panic_threshold, [&](std::size_t p) -> const PriorityRules& { return rules[p]; });
}

}  // namespace outrigger::upstream
