// What all workers share of one cluster: its config, its stats handle, the circuit limits. Made by
// the ClusterManager; the limits are process-wide relaxed atomics, as Envoy's resource manager is.
#pragma once
#include <atomic>
#include <memory>
#include <vector>
#include "proxy/stats/names.h"
#include "proxy/upstream/circuit.h"
#include "proxy/upstream/cluster_config.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

struct ClusterShared {
  ClusterConfigPtr config;
  stats::BlockHandle stats;
  stats::BlockHandle http2_stats;  // cluster.<name>.http2.; none when only HTTP/1 is spoken
  CircuitState circuit[2];  // default, high
  const Thresholds& thresholds(bool high) const noexcept { return high ? config->high : config->normal; }
};
using ClusterSharedPtr = std::shared_ptr<ClusterShared>;

/// One membership: replaced as a whole.
struct Member {
  EndpointPtr endpoint;
  std::shared_ptr<HostStats> stats;
};
using HostSet = std::vector<Member>;
using HostSetPtr = std::shared_ptr<const HostSet>;

}  // namespace outrigger::upstream
