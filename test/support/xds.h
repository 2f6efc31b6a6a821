// Configs in YAML, loaded and compiled in one line of a table.
#pragma once
#include <catch2/catch.hpp>
#include <string>

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

}  // namespace outrigger::test
