// HttpConnectionManager to hcm::Config.
#pragma once
#include <memory>
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "proxy/hcm/config.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// `listener_stat_prefix`: "listener.<address>." for its http.<prefix>. stats; empty: none.
hcm::ConfigPtr compile_http_connection_manager(
    const envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager& p,
    const std::string& listener_stat_prefix, const Path& at, CompileContext& c);

/// A route configuration that RDS brings. Never null; wrong parts (told) are left out.
std::shared_ptr<route::RouteConfig> compile_dynamic_routes(const envoy::config::route::v3::RouteConfiguration& p, const Path& at,
                                                           CompileContext& c);

/// `p` has them.
void compile_tracing(const envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager& p,
                     hcm::Config& o, const Path& at, CompileContext& c);

/// Http1ProtocolOptions with the common ones that concern the codec.
void compile_http1_options(const envoy::config::core::v3::Http1ProtocolOptions& p, http::Http1Options& o, const Path& at,
                           Problems& problems);
void compile_http2_options(const envoy::config::core::v3::Http2ProtocolOptions& p, http2::Options& o);

}  // namespace outrigger::xds
