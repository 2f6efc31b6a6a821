// Raw connections to hosts for tcp_proxy: circuit limits, connect timeout, counters. Worker's thread.
#pragma once
#include <memory>
#include "proxy/upstream/cluster.h"
#include "proxy/upstream/host_pool.h"

namespace outrigger::upstream {

/// As Cluster::connect.
std::unique_ptr<TcpAttempt> dial_tcp(runtime::ThreadContext& thread, ClusterShared& cluster, HostPool& host, TcpWaiter& waiter);

/// Numbers upstream connections over all workers (%UPSTREAM_CONNECTION_ID%).
std::uint64_t next_upstream_connection_id() noexcept;

}  // namespace outrigger::upstream
