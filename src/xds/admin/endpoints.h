// The endpoints that clusters have at the moment, for /config_dump?include_eds. Main thread.
#pragma once
#include <vector>
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "proxy/server/server.h"

namespace outrigger::xds {

namespace endpoint_v3 = envoy::config::endpoint::v3;

struct ClusterEndpoints {
  bool dynamic = false;  // the cluster is not of the bootstrap
  endpoint_v3::ClusterLoadAssignment assignment;
};

/// One per cluster, in the order of names.
std::vector<ClusterEndpoints> endpoints_of(const server::Server& server);

}  // namespace outrigger::xds
