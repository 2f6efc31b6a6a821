// Routes in scopes: how a connection manager finds the scope of a request, and scopes of its own.
#pragma once
#include <memory>
#include <string>
#include "envoy/config/route/v3/scoped_route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "proxy/hcm/config.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

void compile_scoped_routes(const envoy::extensions::filters::network::http_connection_manager::v3::ScopedRoutes& p,
                           const std::string& stat_prefix, const Path& at, CompileContext& c, hcm::Config& into);
std::string scope_key_of(const envoy::config::route::v3::ScopedRouteConfiguration& p);
/// A scope that comes by SRDS: the routes that are in it; null: they come by their name. What is wrong is told.
std::shared_ptr<const hcm::RouteSource> compile_scope(const envoy::config::route::v3::ScopedRouteConfiguration& p, const Path& at,
                                                      CompileContext& c);
/// The routes that are in a scope. Never null; what is wrong is told.
std::shared_ptr<const hcm::RouteSource> compile_scope_inside(const envoy::config::route::v3::ScopedRouteConfiguration& p,
                                                             const Path& at, CompileContext& c);

}  // namespace outrigger::xds
