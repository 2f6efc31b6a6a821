// Listener filters by their type, and when they are disabled. Main thread.
#pragma once
#include "envoy/config/listener/v3/listener.pb.h"
#include "proxy/listener/filter.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

listener::Filters compile_listener_filters(const envoy::config::listener::v3::Listener& p, const Path& at, CompileContext& c);

}  // namespace outrigger::xds
