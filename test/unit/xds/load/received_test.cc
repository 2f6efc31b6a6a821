// What comes over the wire is made like what is read from a file.
#include <catch2/catch.hpp>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "google/protobuf/unknown_field_set.h"
#include "udpa/type/v1/typed_struct.pb.h"
#include "xds/load/received.h"

namespace outrigger::xds {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::core::v3::TypedExtensionConfig;
using envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;

std::string told(const Problems& problems) {
  std::string out;
  for (const auto& p : problems.list())
    out += (p.severity == Severity::error ? "error: " : "warning: ") + p.path + ": " + p.text + "\n";
  return out;
}

TcpProxy proxy_of(const TypedExtensionConfig& c) {
  TcpProxy t;
  REQUIRE(c.typed_config().UnpackTo(&t));
  return t;
}

TEST_CASE("what a TypedStruct stands for takes its place", "[xds]") {
  udpa::type::v1::TypedStruct s;
  s.set_type_url("type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy");
  (*s.mutable_value()->mutable_fields())["stat_prefix"].set_string_value("p");
  (*s.mutable_value()->mutable_fields())["cluster"].set_string_value("c");
  (*s.mutable_value()->mutable_fields())["max_connect_attempts"].set_number_value(3);
  TypedExtensionConfig c;
  c.mutable_typed_config()->PackFrom(s);
  Problems problems;
  CHECK(settle_received(c, Path(), false, problems) == 0);
  CHECK(told(problems).empty());
  const TcpProxy t = proxy_of(c);
  CHECK(t.stat_prefix() == "p");
  CHECK(t.max_connect_attempts().value() == 3);
}

TEST_CASE("a TypedStruct with a wrong field is told at its place", "[xds]") {
  udpa::type::v1::TypedStruct s;
  s.set_type_url("type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy");
  (*s.mutable_value()->mutable_fields())["stat_prefix"].set_number_value(3);
  TypedExtensionConfig c;
  c.mutable_typed_config()->PackFrom(s);
  Problems problems;
  settle_received(c, Path(), false, problems);
  CHECK(told(problems) == "error: typed_config.stat_prefix: expected a string (in quotes), found a number '3'\n");
}

TEST_CASE("a TypedStruct of no type is told", "[xds]") {
  TypedExtensionConfig c;
  c.mutable_typed_config()->PackFrom(udpa::type::v1::TypedStruct());
  Problems problems;
  settle_received(c, Path(), false, problems);
  CHECK(told(problems) == "error: typed_config: Didn't find a registered implementation with type URL: ''\n");
}

TEST_CASE("a TypedStruct of a type that is not there keeps its name for whoever reads it", "[xds]") {
  udpa::type::v1::TypedStruct s;
  s.set_type_url("type.googleapis.com/some.Other");
  TypedExtensionConfig c;
  c.mutable_typed_config()->PackFrom(s);
  Problems problems;
  settle_received(c, Path(), false, problems);
  CHECK(told(problems).empty());
  CHECK(c.typed_config().type_url() == "type.googleapis.com/some.Other");
}

TEST_CASE("fields that are on the wire only are told by number, and by name when Envoy has them", "[xds]") {
  for (const bool reject : {false, true}) {
    Cluster c;
    auto& unknown = *c.GetReflection()->MutableUnknownFields(&c);
    unknown.AddVarint(9999, 1);
    unknown.AddLengthDelimited(42, "");  // lrs_server
    Problems problems;
    CHECK(settle_received(c, Path(), reject, problems) == 1);
    CHECK(told(problems) ==
          std::string(reject ? "error" : "warning") +
              ": : envoy.config.cluster.v3.Cluster has no field of the number 9999\n"
              "error: lrs_server: field 'lrs_server' of envoy.config.cluster.v3.Cluster is known to Envoy and not "
              "implemented by Outrigger\n");
  }
}

TEST_CASE("fields within the config of an extension are found too", "[xds]") {
  TcpProxy t;
  t.GetReflection()->MutableUnknownFields(&t)->AddVarint(9999, 1);
  TypedExtensionConfig c;
  c.mutable_typed_config()->PackFrom(t);
  Problems problems;
  CHECK(settle_received(c, Path(), false, problems) == 1);
  REQUIRE(problems.list().size() == 1);
  CHECK(problems.list().front().path == "typed_config");
}

}  // namespace
}  // namespace outrigger::xds
