// Where clusters come from that requests and connections ask for.
#pragma once
#include <string>
#include "envoy/config/core/v3/config_source.pb.h"
#include "proxy/base/demand.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// Of `source`, by name, or all of the xdstp: collection (empty: none). Null: it cannot be used; told.
DemandPtr compile_cluster_demand(const envoy::config::core::v3::ConfigSource& source, const Path& at,
                                 const std::string& collection, const Path& collection_at, Problems& problems,
                                 const CompileContext& c);

}  // namespace outrigger::xds
