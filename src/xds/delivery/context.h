// What all deliveries share: the server that they change, where resources come from, and what the bootstrap says that
// matters for what comes later. Main thread; owned by Delivery.
#pragma once
#include <memory>
#include "proxy/server/server.h"
#include "proxy/stats/lease.h"
#include "xds/client/sources.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

struct DeliveryContext {
  server::Server& server;
  Sources& sources;
  std::unique_ptr<const CompileContext> base = {};  // of the bootstrap, once that is compiled
  /// For one resource.
  CompileContext compile(Problems& problems) const { return base->with(problems); }
};

}  // namespace outrigger::xds
