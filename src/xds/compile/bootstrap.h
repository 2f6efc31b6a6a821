// The whole bootstrap to server::Config. Main thread.
#pragma once
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "proxy/server/config.h"
#include "xds/compile/context.h"
#include "xds/load/options.h"

namespace outrigger::xds {

/// Everything wrong is told in c.problems; the result is to be used only when nothing is.
server::Config compile_bootstrap(const envoy::config::bootstrap::v3::Bootstrap& b, const Options& o, CompileContext& c);

}  // namespace outrigger::xds
