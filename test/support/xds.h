// Configs in YAML, loaded and compiled in one line of a table.
#pragma once
#include <catch2/catch.hpp>
#include <string>

#include "xds/compile/bootstrap.h"
#include "xds/compile/matchers.h"
#include "xds/compile/route.h"
#include "xds/load/bootstrap.h"
#include "xds/load/to_proto.h"
#include "xds/load/validate.h"

namespace outrigger::test {

/// A message from YAML; what is wrong goes to `problems`.
template <class Message>
Message message(const std::string& yaml, xds::Problems& problems) {
  Message m;
  xds::Node root;
  if (xds::parse_yaml(yaml, "test.yaml", root, problems)) xds::to_proto(root, m, {"test.yaml"}, problems);
  xds::validate(m, xds::Path(), problems);
  return m;
}

/// A message that must be right.
template <class Message>
Message good(const std::string& yaml) {
  xds::Problems problems;
  Message m = message<Message>(yaml, problems);
  INFO(yaml << '\n' << xds::problems_text(problems));
  REQUIRE(problems.ok());
  return m;
}

/// An envoy.config.route.v3.HeaderMatcher that must be right.
inline route::HeaderMatcher header_matcher(const std::string& yaml) {
  xds::Problems problems;
  auto m = xds::compile_header_matcher(good<envoy::config::route::v3::HeaderMatcher>(yaml), xds::Path(), problems);
  INFO(yaml << '\n' << xds::problems_text(problems));
  REQUIRE(m);
  return std::move(*m);
}

/// An envoy.config.route.v3.RouteConfiguration that must be right.
inline std::shared_ptr<const route::RouteConfig> route_config(const std::string& yaml) {
  const auto p = good<envoy::config::route::v3::RouteConfiguration>(yaml);
  xds::Problems problems;
  xds::RouteCompileContext c{problems};
  auto config = xds::compile_route_config(p, xds::Path(), c);
  INFO(yaml << '\n' << xds::problems_text(problems));
  REQUIRE(problems.ok());
  return config;
}

/// The same with these routes, for all hosts.
inline std::shared_ptr<const route::RouteConfig> routes(const std::string& list) {
  return route_config("virtual_hosts: [{name: v, domains: ['*'], routes: [" + list + "]}]");
}

/// A bootstrap, compiled as for --mode validate.
struct Compiled {
  xds::LoadedBootstrap loaded;
  xds::Problems problems;
  stats::Registry stats;
  accesslog::Files files;
  server::Config config;
  explicit Compiled(const std::string& yaml) {
    xds::Options o;
    o.config_yaml = yaml;
    xds::CompileContext c{problems, stats, files};
    c.validate_only = true;
    if (xds::load_bootstrap(o, loaded, problems)) config = xds::compile_bootstrap(loaded.message, o, c);
  }
  /// "path: text" of each problem, one a line, in the order found.
  std::string told() const {
    std::string out;
    for (const auto& p : problems.list()) out += p.path + ": " + p.text + "\n";
    return out;
  }
};

inline std::string cluster_bootstrap(const std::string& cluster) { return "static_resources: {clusters: [{" + cluster + "}]}"; }

inline std::string listener_bootstrap(const std::string& listener) {
  return "static_resources: {clusters: [{name: c}], listeners: [{" + listener + "}]}";
}

/// A listener with this filter chain.
inline std::string chain_bootstrap(const std::string& chain) {
  return listener_bootstrap("name: l, address: {socket_address: {address: 127.0.0.1, port_value: 1}}, filter_chains: [{" + chain +
                            "}]");
}

inline const std::string kTypes = "type.googleapis.com/envoy.extensions.filters.";

/// A listener with a connection manager that has these fields, besides a prefix and the router.
inline std::string manager_bootstrap(const std::string& fields, const std::string& http_filters = "") {
  return chain_bootstrap("filters: [{name: hcm, typed_config: {'@type': " + kTypes +
                         "network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: p, " + fields +
                         ", http_filters: [" + http_filters + "{name: r, typed_config: {'@type': " + kTypes +
                         "http.router.v3.Router}}]}}]");
}

/// The same with these routes.
inline std::string routes_bootstrap(const std::string& routes) {
  return manager_bootstrap("route_config: {name: rc, virtual_hosts: [{name: v, domains: ['*'], routes: [" + routes + "]}]}");
}

}  // namespace outrigger::test
