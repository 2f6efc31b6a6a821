// Opens a socket to a host with a cluster's options. Worker's thread.
#pragma once
#include <memory>
#include <string>
#include "proxy/net/dialer.h"
#include "proxy/net/transport_socket.h"
#include "proxy/runtime/thread_context.h"
#include "proxy/upstream/shared.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

/// Null when it fails at once. With the transport socket of the host (TLS) on it.
std::unique_ptr<net::Transport> dial(runtime::ThreadContext& thread, ClusterShared& cluster, Host& host,
                                     net::ConnectDemands demands, net::ConnectFailure& failure);

/// Counts a connection that failed at once. Returns Envoy's words for it, valid until the next call.
std::string_view count_failed_dial(runtime::ThreadContext& thread, ClusterShared& cluster, Host& host, const net::Origin* origin,
                                   const net::ConnectFailure& failure);

}  // namespace outrigger::upstream
