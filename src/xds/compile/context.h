// What the compile functions share: where problems go, where stats and files come from, what is
// known of the node and of the other resources. Main thread; lives for one load of a config.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include "proxy/accesslog/files.h"
#include "proxy/base/demand.h"
#include "proxy/base/result.h"
#include "proxy/base/token_bucket.h"
#include "proxy/stats/stats.h"
#include "proxy/upstream/dns_cache.h"
#include "xds/compile/not_active.h"
#include "xds/problems.h"

namespace envoy::config::core::v3 {
class BindConfig;
class ConfigSource;
}  // namespace envoy::config::core::v3
namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class Rds;
class ScopedRoutes;
}  // namespace envoy::extensions::filters::network::http_connection_manager::v3
namespace google::protobuf {
class Struct;
}  // namespace google::protobuf
namespace outrigger::hcm {
class RouteSource;
class ScopeSource;
}  // namespace outrigger::hcm

namespace outrigger::xds {

class SecretStore;
class LateFilter;

struct CompileContext {
  Problems& problems;
  stats::Registry& stats;
  accesslog::Files& files;
  std::string service_cluster, service_node;
  std::string local_address;  // this machine's own, for x-forwarded-for of loopback peers
  std::string header_prefix;
  unsigned workers = 1;
  /// Null: cluster names are not checked.
  std::function<bool(std::string_view)> cluster_known;
  bool validate_only = false;                                                         // open nothing
  SecretStore* secrets = nullptr;                                                     // null: TLS is not compiled
  upstream::DnsOptions resolver;                                                      // of clusters that name none
  const envoy::config::core::v3::BindConfig* upstream_bind = nullptr;                 // likewise; null: none
  std::map<std::string, std::shared_ptr<TokenBucket>, std::less<>> shared_buckets{};  // of rate limits with a share_key
  bool internal_listeners = false;                                                    // the extension for them is there
  /// Can resources come from there? Told if not. Null: from nowhere.
  std::function<bool(const envoy::config::core::v3::ConfigSource&, const Path&, Problems&)> check_source{};
  /// Routes that come later, by what names them; the prefix is that of the connection manager's stats.
  std::function<std::shared_ptr<const hcm::RouteSource>(
      const envoy::extensions::filters::network::http_connection_manager::v3::Rds&, const std::string& stat_prefix)>
      subscribe_routes{};
  /// An entry of filters whose config comes later.
  std::function<void(std::shared_ptr<const LateFilter>)> subscribe_filter{};
  /// The same of routes in scopes.
  std::function<std::shared_ptr<const hcm::ScopeSource>(
      const envoy::extensions::filters::network::http_connection_manager::v3::ScopedRoutes&, const std::string& stat_prefix)>
      subscribe_scopes{};
  /// Asks that source for clusters, each when a request needs it, or all of an xdstp: collection. Null: it cannot be
  /// used; told.
  std::function<DemandPtr(const envoy::config::core::v3::ConfigSource&, const std::string& collection, const Path&, Problems&)>
      demand_clusters{};
  /// The DNS cache of a dynamic forward proxy, for so many threads. Null: what is compiled will not run.
  std::function<Result<upstream::DnsCachePtr>(const upstream::DnsCacheConfig&, std::size_t threads)> dns_cache{};
  std::shared_ptr<NotActive> not_active = std::make_shared<NotActive>();
  std::shared_ptr<const google::protobuf::Struct> node_metadata{};  // null: there is none
  bool outbound = false;                                            // what is compiled belongs to a listener of that direction
  /// The same for another config.
  CompileContext with(Problems& other) const {
    return {other,
            stats,
            files,
            service_cluster,
            service_node,
            local_address,
            header_prefix,
            workers,
            cluster_known,
            validate_only,
            secrets,
            resolver,
            upstream_bind,
            shared_buckets,
            internal_listeners,
            check_source,
            subscribe_routes,
            subscribe_filter,
            subscribe_scopes,
            demand_clusters,
            dns_cache,
            not_active,
            node_metadata};
  }
};

}  // namespace outrigger::xds
