// Opens a socket to a host with a cluster's options. Worker's thread.
#pragma once
#include <memory>
#include "proxy/event/loop.h"
#include "proxy/net/tcp_transport.h"
#include "proxy/upstream/cluster_config.h"

namespace outrigger::upstream {

/// Null, with errno in `error`, when it fails at once.
inline std::unique_ptr<net::Transport> dial(event::Loop& loop, const ClusterConfig& c, const net::Address& to, int& error) {
  net::ConnectOptions o;
  if (c.bind_source && c.bind_source->family() == to.family()) o.source = &*c.bind_source;
  if (c.keepalive) o.keepalive = &*c.keepalive;
  o.options = c.socket_options;
  return net::connect_tcp(loop, to, o, error);
}

}  // namespace outrigger::upstream
