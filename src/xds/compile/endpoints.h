// Endpoints of clusters, as a cluster's config has them or a ClusterLoadAssignment tells them. Main thread.
#pragma once
#include <vector>
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "proxy/upstream/cluster_config.h"
#include "xds/problems.h"

namespace outrigger::xds {

upstream::Health compile_health(envoy::config::core::v3::HealthStatus s);
void compile_endpoint_metadata(const envoy::config::core::v3::Metadata& p, upstream::Endpoint& o);
/// Everything but the address. `at`: the LbEndpoint's place.
upstream::Endpoint compile_endpoint(const envoy::config::endpoint::v3::LocalityLbEndpoints& l,
                                    const envoy::config::endpoint::v3::LbEndpoint& p, const upstream::LocalityPtr& locality,
                                    const Path& at, Problems& problems);
/// Tried in this order after the address; families take turns.
void compile_more_addresses(const envoy::config::endpoint::v3::Endpoint& p, upstream::Endpoint& o, const Path& at,
                            Problems& problems);
upstream::AssignmentPolicy compile_assignment_policy(const envoy::config::endpoint::v3::ClusterLoadAssignment::Policy& p,
                                                     const Path& at, Problems& problems);
/// Of a cluster that resolves no names. An address counts once in each priority.
std::vector<upstream::EndpointPtr> compile_endpoint_list(const envoy::config::endpoint::v3::ClusterLoadAssignment& p,
                                                         const Path& at, Problems& problems);

}  // namespace outrigger::xds
