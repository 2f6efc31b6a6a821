// Cluster to upstream::ClusterConfig. Main thread.
#pragma once
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "proxy/upstream/cluster_config.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// Null when something is wrong (told). `by_api`: it is not of the bootstrap.
upstream::ClusterConfigPtr compile_cluster(const envoy::config::cluster::v3::Cluster& p, const Path& at, CompileContext& c,
                                           bool by_api = false);

}  // namespace outrigger::xds
