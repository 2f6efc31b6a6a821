// Network filters other than the HTTP connection manager and tcp_proxy, by their type. Main thread.
#pragma once
#include <memory>
#include "envoy/config/listener/v3/listener_components.pb.h"
#include "filters/connection_filters.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// The filters before the last one.
filters::ConnectionFilters compile_filters_before(const envoy::config::listener::v3::FilterChain& p, const Path& at,
                                                  CompileContext& c);
/// `last` behind those; either may be none.
std::shared_ptr<const hcm::NetworkFilterFactory> behind_filters(filters::ConnectionFilters before,
                                                                std::shared_ptr<const hcm::NetworkFilterFactory> last);
/// One that serves: null when it is none of the known ones.
std::shared_ptr<const hcm::NetworkFilterFactory> compile_plain_terminal(const google::protobuf::Any& any, const Path& at,
                                                                        Problems& problems);

}  // namespace outrigger::xds
