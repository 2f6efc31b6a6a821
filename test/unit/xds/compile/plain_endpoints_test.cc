// Assignments that are read without messages, and those that must not be.
#include "xds/compile/plain_endpoints.h"

#include <google/protobuf/text_format.h>
#include <catch2/catch.hpp>
#include <string>

#include "envoy/config/endpoint/v3/endpoint.pb.h"

using namespace outrigger;
using namespace outrigger::xds;

namespace {

std::string bytes_of(const std::string& text) {
  envoy::config::endpoint::v3::ClusterLoadAssignment m;
  REQUIRE(google::protobuf::TextFormat::ParseFromString(text, &m));
  return m.SerializeAsString();
}

std::string with_endpoint(const std::string& lb_endpoint) {
  return "cluster_name: 'c' endpoints { lb_endpoints { " + lb_endpoint + " } }";
}
const std::string kAddress = "address { socket_address { address: '10.0.0.1' port_value: 80 } }";

}  // namespace

TEST_CASE("what plain endpoints have is read", "[endpoints]") {
  const auto bytes = bytes_of(R"(cluster_name: "c" endpoints {
    lb_endpoints { endpoint { address { socket_address { address: "10.0.0.1" port_value: 80 } } hostname: "h" }
                   health_status: DRAINING load_balancing_weight { value: 7 } }
    lb_endpoints { endpoint { address { socket_address { address: "::1" port_value: 0 } } }
                   metadata { filter_metadata { key: "envoy.lb" value { fields { key: "canary" value { bool_value: true } } } } } }
    lb_endpoints { endpoint { address { socket_address { address: "10.0.0.1" port_value: 80 } } } }
    locality { region: "r" zone: "z" } load_balancing_weight { value: 3 } priority: 2 })");
  const auto plain = read_plain_assignment(bytes);
  REQUIRE(plain);
  CHECK(plain->cluster_name == "c");
  REQUIRE(plain->endpoints.size() == 2);  // an address counts once
  const auto &a = *plain->endpoints[0], &b = *plain->endpoints[1];
  CHECK(a.address.text() == "10.0.0.1:80");
  CHECK(a.hostname() == "h");
  CHECK((a.health == upstream::Health::draining && a.weight == 7 && a.priority == 2 && a.locality_weight == 3));
  CHECK((a.locality->region == "r" && a.locality->zone == "z" && a.locality == b.locality));
  CHECK((b.address.text() == "[::1]:0" && b.canary && b.weight == 1 && b.metadata != nullptr && a.metadata == nullptr));
}

TEST_CASE("endpoints with equal metadata share it", "[endpoints]") {
  const std::string metadata =
      "metadata { filter_metadata { key: 'istio' value { fields { key: 'w' value { string_value: 'x' } } } } }";
  const auto bytes = bytes_of(
      "cluster_name: 'c' endpoints { lb_endpoints { endpoint { " + kAddress + " } " + metadata +
      " } lb_endpoints { endpoint { address { socket_address { address: '10.0.0.2' port_value: 80 } } } " + metadata + " } }");
  const auto plain = read_plain_assignment(bytes);
  REQUIRE(plain);
  CHECK(plain->endpoints[0]->metadata == plain->endpoints[1]->metadata);
}

TEST_CASE("what is more than plain, or wrong, is left to the message", "[endpoints]") {
  const auto left = [](const std::string& bytes) { return !read_plain_assignment(bytes); };
  CHECK(left(bytes_of("endpoints { }")));
  CHECK(left(bytes_of("cluster_name: 'c' policy { weighted_priority_health: true }")));
  CHECK(left(bytes_of("cluster_name: 'c' endpoints { priority: 129 }")));
  CHECK(left(bytes_of("cluster_name: 'c' endpoints { load_balancing_weight { value: 0 } }")));
  CHECK_FALSE(left(bytes_of(with_endpoint("endpoint { " + kAddress + " }"))));
  for (const std::string& e :
       {std::string(), std::string("endpoint { }"), "endpoint { " + kAddress + " } load_balancing_weight { }",
        "endpoint { " + kAddress + " health_check_config { port_value: 1 } }",
        "endpoint { " + kAddress + " additional_addresses { " + kAddress + " } }",
        std::string("endpoint { address { pipe { path: '/p' } } }"),
        std::string("endpoint { address { socket_address { address: 'name' port_value: 80 } } }"),
        std::string("endpoint { address { socket_address { address: '10.0.0.1' } } }"),
        std::string("endpoint { address { socket_address { address: '10.0.0.1' port_value: 65536 } } }"),
        std::string("endpoint { address { socket_address { protocol: UDP address: '10.0.0.1' port_value: 80 } } }"),
        "endpoint { " + kAddress + " } metadata { typed_filter_metadata { key: 'x' value { } } }",
        "endpoint { " + kAddress + " } metadata { filter_metadata { key: '' value { } } }"}) {
    CAPTURE(e);
    CHECK(left(bytes_of(with_endpoint(e))));
  }
  const auto good = bytes_of(with_endpoint("endpoint { " + kAddress + " }"));
  for (std::size_t n = 1; n < good.size(); ++n) {
    CAPTURE(n);
    CHECK((left(good.substr(0, n)) || n == 3));  // three bytes are the name alone
  }
  CHECK(left(good + "\x0a\x01"
                    "d"));                      // a second name
  CHECK(left(good + "\x2a\x00" + good));        // a field that it does not know
  CHECK(left(std::string("\x0a\x01\xff", 3)));  // not UTF-8
}
