// Chooses a host: a priority (by health, with failover and panic), a locality when they are weighted,
// or chosen by zone, then a host of it. One per cluster and worker; rebuilt when the membership changes.
#pragma once
#include <map>
#include <utility>
#include <vector>
#include "proxy/upstream/host_choice.h"
#include "proxy/upstream/pool.h"
#include "proxy/upstream/priority_load.h"
#include "proxy/upstream/zone_routing.h"

namespace outrigger::upstream {

/// How many hosts the localities of each priority have.
using LocalitySizes = std::map<std::pair<std::uint32_t, Locality>, std::size_t>;

/// Whose turn it is. `priorities`: not that of those that are excluded, unless there is no other; null: anyone's.
PriorityChoice choose_priority(const std::vector<PriorityShare>& shares, Priorities* priorities, Random& random) noexcept;

class LoadBalancer {
 public:
  LoadBalancer(const ClusterConfig& config, runtime::ThreadContext& thread);
  /// Hosts are chosen by zone, from the next update on.
  void route_by_zone(const LocalCluster& local, stats::BlockHandle stats) noexcept { zones_.start(local, stats); }
  /// `whole`: the weight of a locality is that of so many hosts; null: of those that it has.
  void update(const std::vector<Host*>& hosts, const AssignmentPolicy& policy, const LocalitySizes* whole = nullptr);
  /// With the policy of the config.
  void update(const std::vector<Host*>& hosts) { update(hosts, config_.policy); }
  /// Of the next update on: all localities are one.
  void ignore_locality_weights() noexcept { by_locality_ = false; }
  /// Null: none. Asks again while the context avoids the host, and counts panic.
  Host* pick(const PickContext& c, stats::BlockHandle stats);
  /// Null: none. `panic` tells that unhealthy hosts were in the choice. `chosen`: the priority is not chosen here.
  Host* pick(bool& panic, Priorities* priorities = nullptr, const PriorityChoice* chosen = nullptr);

 private:
  /// Hosts of one kind of health: all together, or by locality when those have weights.
  struct Kind {
    HostChoice hosts;
    std::vector<HostChoice> localities;
    std::vector<double> weights;  // of the localities now
    Turns<std::size_t> turns;
  };
  struct Level {
    HostChoice all;
    Kind healthy, degraded;
  };
  struct Members;
  void build(Kind& kind, const Members& members, bool degraded);
  void build_zones(const Members& members, std::uint64_t panic_threshold);
  const ClusterConfig& config_;
  runtime::ThreadContext& thread_;
  AssignmentPolicy policy_;
  bool by_locality_;
  std::vector<Level> levels_;
  std::vector<PriorityShare> shares_;
  ZoneRouting zones_;
  struct ZoneHosts {
    HostChoice healthy, degraded;
  };
  std::vector<ZoneHosts> zone_hosts_;  // of the first priority, the own locality first
};

}  // namespace outrigger::upstream
