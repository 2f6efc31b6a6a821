// Listener to server::ListenerConfig, with its network filters.
#pragma once
#include "envoy/config/listener/v3/listener.pb.h"
#include "proxy/server/listener_config.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// Null when something is wrong (told).
std::shared_ptr<server::ListenerConfig> compile_listener(const envoy::config::listener::v3::Listener& p, const Path& at,
                                                         CompileContext& c);

}  // namespace outrigger::xds
