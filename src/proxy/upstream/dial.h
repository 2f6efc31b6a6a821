// Opens a socket to a host with a cluster's options. Worker's thread.
#pragma once
#include <memory>
#include "proxy/net/dialer.h"
#include "proxy/runtime/thread_context.h"
#include "proxy/upstream/cluster_config.h"

namespace outrigger::upstream {

/// Null, with errno in `error`, when it fails at once.
inline std::unique_ptr<net::Transport> dial(runtime::ThreadContext& thread, const ClusterConfig& c, const net::Address& to,
                                            int& error) {
  net::ConnectOptions o;
  if (c.bind_source && c.bind_source->family() == to.family()) o.source = &*c.bind_source;
  if (c.keepalive) o.keepalive = &*c.keepalive;
  o.options = c.socket_options;
  return thread.dialer.connect(thread.loop, to, o, error);
}

}  // namespace outrigger::upstream
