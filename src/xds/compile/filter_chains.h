// How a listener chooses among its filter chains: their match criteria, or a tree of matchers. Main thread.
#pragma once
#include "envoy/config/listener/v3/listener.pb.h"
#include "proxy/server/listener_config.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// Fills o.chain_index or o.chain_matcher. `address` names the listener in messages.
void compile_chain_choice(const envoy::config::listener::v3::Listener& p, const std::string& address, server::ListenerConfig& o,
                          const Path& at, Problems& problems);

}  // namespace outrigger::xds
