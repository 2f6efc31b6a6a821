// What control planes are told of the proxy.
#include "xds/load/node.h"

#include <catch2/catch.hpp>
#include "xds/load/any_type.h"

namespace outrigger::xds {
namespace {

TEST_CASE("the node names Envoy, its version, and extensions whose types are there", "[xds]") {
  envoy::config::core::v3::Node n;
  n.set_id("i");
  (*n.mutable_metadata()->mutable_fields())["k"].set_string_value("v");
  describe_node(n);
  describe_node(n);
  CHECK(n.id() == "i");
  CHECK(n.metadata().fields().size() == 1);
  CHECK(n.user_agent_name() == "envoy");
  CHECK(n.user_agent_build_version().version().major_number() == 1);
  CHECK(n.user_agent_build_version().version().minor_number() == 40);
  REQUIRE(n.extensions_size() > 50);
  std::string last;
  for (const auto& e : n.extensions()) {
    INFO(e.name());
    CHECK(e.category() + " " + e.name() > last);  // none twice
    last = e.category() + " " + e.name();
    for (const auto& type : e.type_urls()) CHECK(find_any_type(type) != nullptr);
  }
}

}  // namespace
}  // namespace outrigger::xds
