// What all workers share of one cluster: its config, its stats handle, the circuit limits. Made by
// the ClusterManager; the limits are process-wide relaxed atomics, as Envoy's resource manager is.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <vector>
#include "proxy/stats/lease.h"
#include "proxy/stats/named_blocks.h"
#include "proxy/stats/names.h"
#include "proxy/upstream/circuit.h"
#include "proxy/upstream/cluster_config.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

/// A host of a cluster as main knows it.
struct Member {
  EndpointPtr endpoint;
  std::shared_ptr<HostStats> stats;
  TimePoint since{};                            // when it joined
  const net::UpstreamSocket* socket = nullptr;  // the config's; null: plain
};

/// What a cluster wants measured of its requests; none: nothing.
struct Tracking {
  stats::BlockHandle budgets, sizes;
};

struct ClusterShared {
  ClusterConfigPtr config;
  stats::BlockHandle stats;
  stats::NamedBlocks* alt_stats = nullptr;  // of all clusters, below "cluster."
  Tracking tracking;
  stats::BlockHandle http2_stats;  // cluster.<name>.http2.; none when only HTTP/1 is spoken
  CircuitState circuit[2];         // default, high
  /// ORIGINAL_DST: a worker tells main of a host that it made.
  std::function<void(const Member&)> new_host;
  std::shared_ptr<const class OutlierWatch> outlier;  // null: no outlier detection
  /// A host asked to be left alone. Any thread; null: no active checks.
  std::function<void(const std::shared_ptr<HostStats>&)> fail_check;
  std::atomic<std::uint64_t> members{0}, usable_members{0};  // main says so
  std::vector<stats::LeasePtr> leases;                       // the stats of all this
  const Thresholds& thresholds(bool high) const noexcept { return high ? config->high : config->normal; }
  /// For pages of what is used: the gauges that Envoy sets with a connection, and with the first request on it.
  void mark_circuit_used(stats::Cells& cells) const noexcept {
    using S = stats::ClusterStat;
    circuit[0].mark_used(Limit::connections, cells);
    circuit[0].mark_used(Limit::pending, cells);
    cells.gauge_add(stats, S::circuit_breakers_default_cx_pool_open, 0);
    cells.gauge_add(stats, S::circuit_breakers_high_cx_pool_open, 0);
  }
  void mark_requests_used(stats::Cells& cells) const noexcept {
    circuit[0].mark_used(Limit::requests, cells);
    cells.gauge_add(stats, stats::ClusterStat::upstream_cx_rx_bytes_buffered, 0);
  }
};
using ClusterSharedPtr = std::shared_ptr<ClusterShared>;

/// One membership: replaced as a whole, with the policy that came with it.
struct HashTables;
struct HostSet : std::vector<Member> {
  AssignmentPolicy policy;
  std::shared_ptr<const HashTables> tables;  // of ring_hash and maglev; null: another balancer
};
using HostSetPtr = std::shared_ptr<const HostSet>;

}  // namespace outrigger::upstream
