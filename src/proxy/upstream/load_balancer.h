// Chooses a host: priorities with failover and panic, then round robin, least request or random,
// weighted. One per cluster and worker; rebuilt when the membership changes.
#pragma once
#include <vector>
#include "proxy/base/random.h"
#include "proxy/upstream/cluster_config.h"
#include "proxy/upstream/pool.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

class LoadBalancer {
 public:
  LoadBalancer(const ClusterConfig& config, Random& random);
  void update(const std::vector<Host*>& hosts);
  /// Null: none. `panic` tells that unhealthy hosts were in the choice.
  Host* pick(bool& panic, Priorities* priorities = nullptr);

 private:
  struct Entry {  // earliest deadline first: each host's turn comes weight times as often
    double deadline;
    std::uint64_t order;
    Host* host;
  };
  struct Level {
    std::vector<Host*> hosts;  // in the choice
    std::vector<Entry> heap;   // when weights differ
    std::uint32_t load = 0;    // percent of the traffic
    std::uint32_t health = 0;  // percent it could take
    std::size_t next = 0;
    double now = 0;
    bool panic = false;
  };
  static Level make_level(std::vector<Host*> hosts, bool panic);
  void share_load(const std::vector<std::vector<Host*>>& all, const std::vector<std::vector<Host*>>& healthy);
  Host* pick_weighted(Level& level);
  Level* pick_level();
  Level* pick_other_level(Priorities& priorities);
  double weight_of(const Host& h) const noexcept;
  const ClusterConfig& config_;
  Random& random_;
  std::vector<Level> levels_;
  std::uint64_t order_ = 0;
};

}  // namespace outrigger::upstream
