// Opens a socket to a host with a cluster's options. Worker's thread.
#pragma once
#include <memory>
#include "proxy/net/dialer.h"
#include "proxy/net/transport_socket.h"
#include "proxy/runtime/thread_context.h"
#include "proxy/upstream/cluster_config.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

/// Null, with errno in `error`, when it fails at once. With the transport socket of the cluster (TLS) on it.
inline std::unique_ptr<net::Transport> dial(runtime::ThreadContext& thread, const ClusterConfig& c, Host& host, int& error) {
  const auto& endpoint = host.endpoint();
  const auto& to = endpoint.address;
  net::ConnectOptions o;
  if (c.bind_source && c.bind_source->family() == to.family()) o.source = &*c.bind_source;
  if (c.keepalive) o.keepalive = &*c.keepalive;
  o.options = c.socket_options;
  auto transport = thread.dialer.connect(thread.loop, to, o, error);
  if (transport == nullptr || c.socket == nullptr) return transport;
  net::ConnectDemands demands;
  demands.host_name = endpoint.hostname;
  return c.socket->wrap(thread, std::move(transport), demands, host.transport_memory);
}

}  // namespace outrigger::upstream
