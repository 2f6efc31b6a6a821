// How a cluster's traffic is shared among its priorities: what each could take by its health, what it
// gets, and which are in panic. Plain computation, done when the membership changes.
#pragma once
#include <cstdint>
#include <vector>
#include "proxy/runtime/runtime.h"
#include "proxy/upstream/host.h"

namespace outrigger::upstream {

struct ClusterConfig;
struct HostSet;

/// One priority's hosts. Those that are excluded (draining) count neither as healthy nor as missing.
struct PriorityHosts {
  std::uint64_t total = 0, excluded = 0, healthy = 0, degraded = 0;
  /// The same in weights, when health is measured by them.
  std::uint64_t total_weight = 0, excluded_weight = 0, healthy_weight = 0, degraded_weight = 0;
  void add(Health health, std::uint32_t weight) noexcept;
};

/// Of each priority up to the last that has a host.
std::vector<PriorityHosts> count_priorities(const HostSet& hosts);

/// In percent: what the runtime says, or the config.
std::uint64_t panic_threshold_of(const ClusterConfig& config, const runtime::Snapshot& runtime);

/// All in percent.
struct PriorityShare {
  std::uint32_t health = 0, degraded = 0;             // could take on its healthy and on its degraded hosts
  std::uint32_t healthy_load = 0, degraded_load = 0;  // gets; all together 100
  bool panic = false;                                 // every host of it is in the choice
};

struct PriorityRules {
  std::uint32_t overprovisioning = 140;
  std::uint64_t panic_threshold = 50;
  bool by_weight = false;
};

/// A priority, and which of its hosts.
struct PriorityChoice {
  std::size_t level = 0;
  bool degraded = false;
};
/// Whose part of the traffic it is. `at` is below 100.
PriorityChoice priority_at(const std::vector<PriorityShare>& shares, std::uint32_t at) noexcept;

bool in_panic(const PriorityHosts& h, std::uint64_t threshold) noexcept;

/// At least one priority. The panic threshold is that of the first.
std::vector<PriorityShare> share_priorities(const std::vector<PriorityHosts>& hosts, const std::vector<PriorityRules>& rules);
/// All by the same rules.
std::vector<PriorityShare> share_priorities(const std::vector<PriorityHosts>& hosts, const PriorityRules& rules);

}  // namespace outrigger::upstream
