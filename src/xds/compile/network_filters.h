// Network filters other than the HTTP connection manager and tcp_proxy, by their type. Main thread.
#pragma once
#include <functional>
#include <memory>
#include <vector>
#include "envoy/config/listener/v3/listener_components.pb.h"
#include "filters/connection_filters.h"
#include "xds/compile/context.h"

namespace envoy::extensions::filters::network::ext_authz::v3 {
class ExtAuthz;
}  // namespace envoy::extensions::filters::network::ext_authz::v3
namespace envoy::extensions::filters::network::ratelimit::v3 {
class RateLimit;
}  // namespace envoy::extensions::filters::network::ratelimit::v3

namespace outrigger::xds {

using ConnectionFilterPtr = std::shared_ptr<const filters::ConnectionFilter>;
ConnectionFilterPtr compile_network_authz(const envoy::extensions::filters::network::ext_authz::v3::ExtAuthz& p, const Path& at,
                                          CompileContext& c);
ConnectionFilterPtr compile_network_limit(const envoy::extensions::filters::network::ratelimit::v3::RateLimit& p, const Path& at,
                                          CompileContext& c);

/// Has the config of a filter that comes later come to that worker?
using Arrived = std::function<bool(std::size_t worker)>;

/// The filters before the last one. `late` gets those whose config comes later.
filters::ConnectionFilters compile_filters_before(const envoy::config::listener::v3::FilterChain& p, const Path& at,
                                                  std::vector<Arrived>& late, CompileContext& c);
/// The last one, when its config comes later: `compile` makes of one what serves connections. Null when wrong (told).
using CompileLast = std::function<std::shared_ptr<const hcm::NetworkFilterFactory>(const google::protobuf::Any& config,
                                                                                   const Path& at, CompileContext& c)>;
std::shared_ptr<const hcm::NetworkFilterFactory> compile_late_last(const envoy::config::listener::v3::Filter& f,
                                                                   CompileLast compile, const Path& at,
                                                                   std::vector<Arrived>& late, CompileContext& c);
/// `last` behind those; either may be none.
std::shared_ptr<const hcm::NetworkFilterFactory> behind_filters(filters::ConnectionFilters before,
                                                                std::shared_ptr<const hcm::NetworkFilterFactory> last);
/// One that serves: null when it is none of the known ones.
std::shared_ptr<const hcm::NetworkFilterFactory> compile_plain_terminal(const google::protobuf::Any& any, const Path& at,
                                                                        Problems& problems);

}  // namespace outrigger::xds
