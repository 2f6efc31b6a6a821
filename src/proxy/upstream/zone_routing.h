// Zone aware routing: how much of a cluster's traffic stays in the locality of this proxy, and where the rest goes,
// by the shares of hosts that each locality has of the proxies (the local cluster) and of the cluster. Part of a
// LoadBalancer; worker's thread. Envoy: "zone aware routing".
#pragma once
#include <cstdint>
#include <map>
#include <vector>
#include "proxy/runtime/thread_context.h"
#include "proxy/stats/names.h"
#include "proxy/upstream/cluster_config.h"
#include "proxy/upstream/shared.h"

namespace outrigger::upstream {

/// The cluster that this proxy is a member of, as a worker knows it. Owned by WorkerClusters.
struct LocalCluster {
  std::string name;  // empty: the bootstrap names none
  LocalityPtr node = no_locality();
  HostSetPtr hosts;  // null: not known yet
};

/// The healthy hosts of one locality of a cluster.
struct LocalityShare {
  const Locality* locality = nullptr;
  std::uint64_t hosts = 0, weight = 0;
};

class ZoneRouting {
 public:
  ZoneRouting(const ClusterConfig& config, runtime::ThreadContext& thread) : config_(config), thread_(thread) {}
  /// From now on, with the stats of the cluster to count in. `local` outlives this.
  void start(const LocalCluster& local, stats::BlockHandle stats) noexcept;
  bool started() const noexcept { return local_ != nullptr; }
  /// The locality of this proxy; it goes first in update() when the cluster has it.
  const Locality& node() const noexcept { return *local_->node; }
  /// After each change of either cluster. All localities of the cluster's first priority.
  void update(const std::vector<LocalityShare>& cluster, std::uint64_t panic_threshold);

  enum class Choice : std::uint8_t { any_host, no_host, locality };
  /// For one request: `index` (of what update() was told) when it is a locality.
  Choice choose(std::size_t& index) noexcept;

 private:
  enum class State : std::uint8_t { none, direct, residual };
  bool can_route(const std::vector<LocalityShare>& cluster);
  std::map<Locality, std::uint64_t> count_local(std::uint64_t panic_threshold);
  void add(stats::ClusterStat s) noexcept { thread_.cells.add(stats_, s); }

  const ClusterConfig& config_;
  runtime::ThreadContext& thread_;
  const LocalCluster* local_ = nullptr;
  stats::BlockHandle stats_;
  State state_ = State::none;
  bool local_in_panic_ = false;
  std::uint64_t local_share_ = 0;        // of 10000: what stays
  std::vector<std::uint64_t> residual_;  // by locality: what it can take beyond its own, added up
};

}  // namespace outrigger::upstream
