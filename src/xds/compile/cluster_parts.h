// The parts of a cluster's config, each compiled by a file of its own. Main thread.
#pragma once
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/load_balancing_policies/subset/v3/subset.pb.h"
#include "proxy/upstream/cluster_config.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// lb_policy, load_balancing_policy, common_lb_config (cluster_balancing.cc).
void compile_balancing(const envoy::config::cluster::v3::Cluster& p, upstream::ClusterConfig& o, const Path& at,
                       Problems& problems);

/// lb_subset_config (cluster_subsets.cc); after compile_balancing().
void compile_subsets(const envoy::config::cluster::v3::Cluster& p, upstream::ClusterConfig& o, const Path& at,
                     Problems& problems);
/// The policy extension, after the policy within it.
void compile_subset_policy(const envoy::extensions::load_balancing_policies::subset::v3::Subset& p, upstream::ClusterConfig& o,
                           const Path& at, Problems& problems);

/// Outlier detection (cluster_outliers.cc).
void compile_outliers(const envoy::config::cluster::v3::Cluster& p, upstream::ClusterConfig& o, const Path& at,
                      Problems& problems);

/// Active health checks (cluster_health.cc); after the transport sockets.
void compile_health(const envoy::config::cluster::v3::Cluster& p, upstream::ClusterConfig& o, const Path& at, CompileContext& c);

/// How names are resolved (cluster_dns.cc).
void compile_dns(const envoy::config::cluster::v3::Cluster& p, upstream::DnsRules& o, const Path& at, CompileContext& c);
/// What clusters without a resolver of their own use.
void compile_resolver(const envoy::config::bootstrap::v3::Bootstrap& p, upstream::DnsOptions& o, Problems& problems);

/// cluster_type dynamic_forward_proxy (forward_proxy.cc); after the options of HTTP.
void compile_forward_proxy(const envoy::config::cluster::v3::Cluster& p, upstream::ClusterConfig& o, const Path& at,
                           CompileContext& c);

/// Bind config, socket options, keepalive (cluster_sockets.cc).
void compile_sockets(const envoy::config::cluster::v3::Cluster& p, upstream::ClusterConfig& o, const Path& at, CompileContext& c);

/// Circuit breakers (cluster_limits.cc).
void compile_circuits(const envoy::config::cluster::v3::Cluster& p, upstream::ClusterConfig& o, const Path& at,
                      Problems& problems);

}  // namespace outrigger::xds
