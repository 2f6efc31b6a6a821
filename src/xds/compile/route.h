// RouteConfiguration to route::RouteConfig. Main thread.
#pragma once
#include <functional>
#include <memory>
#include <string_view>
#include "envoy/config/route/v3/route.pb.h"
#include "proxy/route/route.h"
#include "xds/problems.h"

namespace outrigger::xds {

struct RouteCompileContext {
  Problems& problems;
  stats::Registry* stats = nullptr;
  /// Null: names are not checked.
  std::function<bool(std::string_view cluster)> cluster_known = {};
  bool validate_clusters = true;
  std::function<std::shared_ptr<const route::FilterPart>(std::string_view filter, const google::protobuf::Any& config,
                                                         const Path& at, Problems& problems)>
      compile_filter_override = {};
};

/// Never null; wrong parts (told) are left out.
std::shared_ptr<route::RouteConfig> compile_route_config(const envoy::config::route::v3::RouteConfiguration& p, const Path& at,
                                                         RouteCompileContext& c);

/// typed_per_filter_config of any level.
using FilterConfigs = google::protobuf::Map<std::string, google::protobuf::Any>;
route::FilterOverrides compile_overrides(const FilterConfigs& configs, const Path& at, RouteCompileContext& c);

/// A route's forwarding part, into `o`.
void compile_route_action(const envoy::config::route::v3::RouteAction& p, route::Route& o, const Path& at,
                          RouteCompileContext& c);
std::shared_ptr<const route::RetryPolicy> compile_retry_policy(const envoy::config::route::v3::RetryPolicy& p, const Path& at,
                                                               Problems& problems);

}  // namespace outrigger::xds
