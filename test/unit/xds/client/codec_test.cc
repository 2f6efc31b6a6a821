// Responses out of their bytes: what the protobuf library writes is read the same, and what is none is refused.
#include <catch2/catch.hpp>

#include "envoy/service/discovery/v3/discovery.pb.h"
#include "proxy/base/utf8.h"
#include "xds/client/codec.h"

namespace outrigger::xds {
namespace {

namespace discovery_v3 = envoy::service::discovery::v3;
using Kind = Subscription::Kind;

const std::string kType = "type.googleapis.com/envoy.config.cluster.v3.Cluster";

discovery_v3::Resource resource(const std::string& name, const std::string& body) {
  discovery_v3::Resource r;
  r.set_name(name);
  r.set_version("v-" + name);
  r.mutable_resource()->set_type_url(kType);
  r.mutable_resource()->set_value(body);
  return r;
}

TEST_CASE("a delta response has what was written", "[xds]") {
  discovery_v3::DeltaDiscoveryResponse m;
  m.set_type_url(kType);
  m.set_system_version_info("7");
  m.set_nonce("n");
  m.mutable_control_plane()->set_identifier("plane \xc3\xa9");
  *m.add_resources() = resource("a", "body");
  *m.add_resources() = resource("b", std::string(70000, '\xff'));
  m.mutable_resources(1)->mutable_ttl()->set_seconds(3);
  m.mutable_resources(1)->mutable_ttl()->set_nanos(5000000);
  m.mutable_resources(1)->add_aliases("b2");
  auto& heartbeat = *m.add_resources();
  heartbeat.set_name("c");
  heartbeat.mutable_ttl()->set_seconds(-1);
  m.add_removed_resources("d");
  m.add_removed_resources("e");
  Response r;
  REQUIRE(decode_response(m.SerializeAsString(), Kind::delta, r));
  CHECK(r.type_url == kType);
  CHECK(r.version == "7");
  CHECK(r.nonce == "n");
  CHECK(r.control_plane == "plane \xc3\xa9");
  CHECK(r.removed == std::vector<std::string>{"d", "e"});
  REQUIRE(r.resources.size() == 3);
  CHECK(r.resources[0].name == "a");
  CHECK(r.resources[0].version == "v-a");
  CHECK(r.resources[0].type_url == kType);
  CHECK(r.resources[0].body == "body");
  CHECK_FALSE(r.resources[0].ttl);
  CHECK_FALSE(r.resources[0].heartbeat);
  CHECK(r.resources[1].body == std::string(70000, '\xff'));
  CHECK(r.resources[1].ttl == std::chrono::milliseconds(3005));
  CHECK(r.resources[1].aliases == std::vector<std::string>{"b2"});
  CHECK(r.resources[2].heartbeat);
  CHECK(r.resources[2].ttl == -std::chrono::seconds(1));
  const Response moved = std::move(r);  // what its resources point into goes with it
  CHECK(moved.resources[1].body.size() == 70000);
}

TEST_CASE("a resource of the state of the world may be wrapped", "[xds]") {
  discovery_v3::DiscoveryResponse m;
  m.set_type_url(kType);
  m.set_version_info("1");
  m.add_resources()->set_type_url(kType);
  m.mutable_resources(0)->set_value("plain");
  m.add_resources()->PackFrom(resource("w", "inside"));
  m.add_resources()->set_type_url("type.googleapis.com/envoy.service.discovery.v3.Resource");
  m.mutable_resources(2)->set_value("\x0a\x7fno message");
  Response r;
  REQUIRE(decode_response(m.SerializeAsString(), Kind::state_of_the_world, r));
  REQUIRE(r.resources.size() == 3);
  CHECK(r.resources[0].body == "plain");
  CHECK(r.resources[0].name.empty());
  CHECK(r.resources[1].name == "w");
  CHECK(r.resources[1].body == "inside");
  CHECK(r.resources[1].type_url == kType);
  CHECK(r.resources[2].type_url == m.resources(2).type_url());  // refused as a type that nobody asked for
}

TEST_CASE("what the protobuf library does not take is no response", "[xds]") {
  discovery_v3::DeltaDiscoveryResponse m;
  m.set_type_url(kType);
  *m.add_resources() = resource("a", "body");
  m.add_removed_resources("gone");
  const std::string good = m.SerializeAsString();
  for (std::size_t size = 0; size <= good.size(); ++size)
    for (const char byte : {'\0', '\x07', '\x80', '\xff'}) {
      std::string bytes = good.substr(0, size) + std::string(size < good.size() ? 1 : 0, byte);
      Response r;
      discovery_v3::DeltaDiscoveryResponse same;
      const bool theirs = same.ParseFromString(bytes);
      INFO("the first " << size << " bytes and " << static_cast<int>(byte));
      CHECK(decode_response(bytes, Kind::delta, r) == theirs);
      if (theirs) CHECK(static_cast<int>(r.resources.size()) == same.resources_size());
    }
}

TEST_CASE("fields that nobody knows are passed over", "[xds]") {
  const std::string before = "\xa0\x06\x05";  // 100: varint
  const std::string after =
      "\xa9\x06"
      "12345678"
      "\xb5\x06"
      "1234"
      "\xbb\x06\x08\x01\xbc\x06";  // fixed64, fixed32, a group
  discovery_v3::DiscoveryResponse m;
  m.set_nonce("n");
  Response r;
  REQUIRE(decode_response(before + m.SerializeAsString() + after, Kind::state_of_the_world, r));
  CHECK(r.nonce == "n");
  for (const auto& wrong : {std::string("\xbb\x06\x08\x01"), std::string("\xbc\x06"), std::string("\x00\x01", 2),
                            std::string(200, '\x0b'), std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
    Response none;
    CHECK_FALSE(decode_response(wrong, Kind::state_of_the_world, none));
  }
}

TEST_CASE("text is UTF-8 or not", "[base]") {
  for (const char* good : {"", "plain", "\xc3\xa9", "\xe2\x82\xac!", "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"})
    CHECK(is_utf8(good));
  for (const char* bad : {"\x80", "a\xff", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xe2\x28\xa1"})
    CHECK_FALSE(is_utf8(bad));
}

}  // namespace
}  // namespace outrigger::xds
