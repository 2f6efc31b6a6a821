// YAML and JSON to messages: every form of every kind of field, and every mistake at its place.
#include "xds/load/to_proto.h"

#include <catch2/catch.hpp>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "support/xds.h"

namespace outrigger::xds {
namespace {

using envoy::config::bootstrap::v3::Bootstrap;
using envoy::config::cluster::v3::Cluster;

template <class M>
std::string read(const std::string& yaml, bool allow_unknown = false) {
  Node root;
  Problems problems;
  M m;
  if (parse_yaml(yaml, "f", root, problems)) to_proto(root, m, {"f", allow_unknown}, problems);
  return problems.list().empty() ? m.ShortDebugString() : problems_text(problems);
}

TEST_CASE("an error quotes no secret", "[to_proto]") {
  using envoy::extensions::transport_sockets::tls::v3::Secret;
  CHECK(read<Secret>("generic_secret: {secret: hunter2}") ==
        "f:1:26: error: generic_secret.secret: expected an object, found a string\n");
  CHECK(read<Secret>("tls_certificate: {private_key: {inline_bytes: 'hunter2!'}}") ==
        "f:1:47: error: tls_certificate.private_key.inline_bytes: expected bytes in base64, found a string\n");
  CHECK(read<Secret>("session_ticket_keys: {keys: [{inline_string: 12345}, hunter2]}") ==
        "f:1:46: error: session_ticket_keys.keys[0].inline_string: expected a string (in quotes), found a number\n"
        "f:1:54: error: session_ticket_keys.keys[1]: expected an object, found a string\n");
  CHECK(read<Secret>("{tls_certificate: {private_key: hunter2}, name: 5}") ==
        "f:1:33: error: tls_certificate.private_key: expected an object, found a string\n"
        "f:1:49: error: name: expected a string (in quotes), found a number '5'\n");
}

TEST_CASE("each kind of field in each form that Envoy takes", "[to_proto]") {
  struct Row {
    const char *yaml, *message;
  };
  for (const Row& r : {
           Row{"name: c", "name: \"c\""},
           Row{"name: 'c'", "name: \"c\""},
           Row{"name: '5'", "name: \"5\""},
           Row{"alt_stat_name: a", "alt_stat_name: \"a\""},
           Row{"altStatName: a", "alt_stat_name: \"a\""},
           Row{"name:", ""},
           Row{"name: null", ""},
           Row{"{}", ""},
           Row{"", ""},
           Row{"lb_policy: RANDOM", "lb_policy: RANDOM"},
           Row{"lb_policy: 3", "lb_policy: RANDOM"},
           Row{"connect_timeout: 1.5s", "connect_timeout { seconds: 1 nanos: 500000000 }"},
           Row{"connect_timeout: 0.000001s", "connect_timeout { nanos: 1000 }"},
           Row{"per_connection_buffer_limit_bytes: 5", "per_connection_buffer_limit_bytes { value: 5 }"},
           Row{"per_connection_buffer_limit_bytes: {value: 5}", "per_connection_buffer_limit_bytes { value: 5 }"},
           Row{"per_connection_buffer_limit_bytes: '5'", "per_connection_buffer_limit_bytes { value: 5 }"},
           Row{"per_connection_buffer_limit_bytes: 1e3", "per_connection_buffer_limit_bytes { value: 1000 }"},
           Row{"per_connection_buffer_limit_bytes: 5.0", "per_connection_buffer_limit_bytes { value: 5 }"},
           Row{"per_connection_buffer_limit_bytes: 4294967295", "per_connection_buffer_limit_bytes { value: 4294967295 }"},
           Row{"per_connection_buffer_limit_bytes: 0", "per_connection_buffer_limit_bytes { }"},
           Row{"respect_dns_ttl: true", "respect_dns_ttl: true"},
           Row{"respect_dns_ttl: yes", "respect_dns_ttl: true"},
           Row{"common_lb_config: {healthy_panic_threshold: {value: 12.5}}",
               "common_lb_config { healthy_panic_threshold { value: 12.5 } }"},
           Row{"common_lb_config: {healthy_panic_threshold: {value: 3}}",
               "common_lb_config { healthy_panic_threshold { value: 3 } }"},
           Row{"circuit_breakers: {thresholds: [{max_retries: 1}, {max_retries: 2}]}",
               "circuit_breakers { thresholds { max_retries { value: 1 } } thresholds { max_retries { value: 2 } } }"},
           Row{"circuit_breakers: {thresholds: {max_retries: 1}}",
               "circuit_breakers { thresholds { max_retries { value: 1 } } }"},
           Row{"circuit_breakers: {thresholds: []}", "circuit_breakers { }"},
           Row{"metadata: {filter_metadata: {envoy.lb: {a: {b: [1, x, true, null]}}}}",
               "metadata { filter_metadata { key: \"envoy.lb\" value { fields { key: \"a\" value { struct_value { fields { key: "
               "\"b\" value { "
               "list_value { values { number_value: 1 } values { string_value: \"x\" } values { bool_value: true } values { "
               "null_value: NULL_VALUE } } "
               "} } } } } } } }"},
       }) {
    INFO(r.yaml);
    CHECK(read<Cluster>(r.yaml) == r.message);
  }
}

TEST_CASE("values of the wrong kind are told with what was expected", "[to_proto]") {
  struct Row {
    const char *yaml, *told;
  };
  for (const Row& r : {
           Row{"name: 5", "f:1:7: error: name: expected a string (in quotes), found a number '5'\n"},
           Row{"name: true", "f:1:7: error: name: expected a string (in quotes), found a bool 'true'\n"},
           Row{"name: [a]", "f:1:7: error: name: expected a string, found a list\n"},
           Row{"name: {a: b}", "f:1:7: error: name: expected a string, found an object\n"},
           Row{"respect_dns_ttl: 'maybe'", "f:1:18: error: respect_dns_ttl: expected true or false, found a string 'maybe'\n"},
           Row{"respect_dns_ttl: 1", "f:1:18: error: respect_dns_ttl: expected true or false, found a number '1'\n"},
           Row{"per_connection_buffer_limit_bytes: -1",
               "f:1:36: error: per_connection_buffer_limit_bytes: expected an integer of 0 or more, found a number '-1'\n"},
           Row{"per_connection_buffer_limit_bytes: 1.5",
               "f:1:36: error: per_connection_buffer_limit_bytes: expected an integer of 0 or more, found a number '1.5'\n"},
           Row{"per_connection_buffer_limit_bytes: 4294967296",
               "f:1:36: error: per_connection_buffer_limit_bytes: expected an integer of 0 or more, found a number "
               "'4294967296'\n"},
           Row{"per_connection_buffer_limit_bytes: -0x1",
               "f:1:36: error: per_connection_buffer_limit_bytes: expected an integer of 0 or more, found a number '-0x1'\n"},
           Row{"per_connection_buffer_limit_bytes: 5x",
               "f:1:36: error: per_connection_buffer_limit_bytes: expected an integer of 0 or more, found a number '5x'\n"},
           Row{"common_lb_config: {healthy_panic_threshold: {value: x}}",
               "f:1:53: error: common_lb_config.healthy_panic_threshold.value: expected a number, found a string 'x'\n"},
           Row{"connect_timeout: 5",
               "f:1:18: error: connect_timeout: expected a duration in seconds, such as \"1.5s\", found a number '5'\n"},
           Row{"connect_timeout: 5ms",
               "f:1:18: error: connect_timeout: expected a duration in seconds, such as \"1.5s\", found a number '5ms'\n"},
           Row{"connect_timeout: s",
               "f:1:18: error: connect_timeout: expected a duration in seconds, such as \"1.5s\", found a string 's'\n"},
           Row{"connect_timeout: 0.1234567891s",
               "f:1:18: error: connect_timeout: expected a duration with at most 9 decimals, found a number '0.1234567891s'\n"},
           Row{"connect_timeout: {second: 5}",
               "f:1:19: error: connect_timeout.second: no such field: google.protobuf.Duration has no 'second'; did you mean "
               "'seconds'?\n"},
           Row{"respect_dns_ttl: 'on'", "f:1:18: error: respect_dns_ttl: expected true or false, found a string 'on'\n"},
           Row{"dns_lookup_family: V5",
               "f:1:20: error: dns_lookup_family: expected one of AUTO, V4_ONLY, V6_ONLY, V4_PREFERRED, ALL, found a string "
               "'V5'\n"},
           Row{"circuit_breakers: x", "f:1:19: error: circuit_breakers: expected an object, found a string 'x'\n"},
           Row{"circuit_breakers: {thresholds: [x, {max_retries: -1}]}",
               "f:1:33: error: circuit_breakers.thresholds[0]: expected an object, found a string 'x'\n"
               "f:1:50: error: circuit_breakers.thresholds[1].max_retries: expected an integer of 0 or more, found a number "
               "'-1'\n"},
           Row{"metadata: {filter_metadata: [a]}", "f:1:29: error: metadata.filter_metadata: expected an object, found a list\n"},
           Row{"metadata: {filter_metadata: {a: b}}",
               "f:1:33: error: metadata.filter_metadata.a: expected an object, found a string 'b'\n"},
           Row{"[a]", "f:1:1: error: expected an object, found a list\n"},
           Row{"a", "f:1:1: error: expected an object, found a string 'a'\n"},
       }) {
    INFO(r.yaml);
    CHECK(read<Cluster>(r.yaml) == r.told);
  }
}

TEST_CASE("unknown fields: misspelt, known to Envoy, or neither", "[to_proto]") {
  struct Row {
    const char *yaml, *told;
  };
  for (const Row& r : {
           Row{"nmae: c",
               "f:1:1: error: nmae: no such field: envoy.config.cluster.v3.Cluster has no 'nmae'; did you mean 'name'?\n"},
           Row{"connect_timout: 1s",
               "f:1:1: error: connect_timout: no such field: envoy.config.cluster.v3.Cluster has no 'connect_timout'; did you "
               "mean "
               "'connect_timeout'?\n"},
           Row{"connectTimout: 1s",
               "f:1:1: error: connectTimout: no such field: envoy.config.cluster.v3.Cluster has no 'connectTimout'; did you mean "
               "'connect_timeout'?\n"},
           Row{"xyzzy_plugh_frobnicate: 1",
               "f:1:1: error: xyzzy_plugh_frobnicate: no such field: envoy.config.cluster.v3.Cluster has no "
               "'xyzzy_plugh_frobnicate'\n"},
           Row{"circuit_breakers:\n  thresholds:\n  - max_retry: 1\n",
               "f:3:5: error: circuit_breakers.thresholds[0].max_retry: no such field: "
               "envoy.config.cluster.v3.CircuitBreakers.Thresholds has no "
               "'max_retry'; did you mean 'max_retries'?\n"},
       }) {
    INFO(r.yaml);
    CHECK(read<Cluster>(r.yaml) == r.told);
  }
  const std::string known = read<Bootstrap>("fatal_actions: []");
  CHECK(known ==
        "f:1:1: error: fatal_actions: field 'fatal_actions' of envoy.config.bootstrap.v3.Bootstrap is known to Envoy and "
        "not implemented by "
        "Outrigger\n");
  CHECK(read<Bootstrap>("fatalActions: []") == "f:1:1: error: fatalActions" + known.substr(known.find(": field")));
}

TEST_CASE("unknown fields may be allowed, those known to Envoy may not", "[to_proto]") {
  CHECK(read<Cluster>("name: c\nnmae: d", true) ==
        "f:2:1: warning: nmae: no such field: envoy.config.cluster.v3.Cluster has no 'nmae'; did you mean 'name'?\n");
  CHECK(read<Bootstrap>("fatal_actions: []", true).find(": error: ") != std::string::npos);
}

TEST_CASE("of a oneof only one can be set", "[to_proto]") {
  using envoy::config::route::v3::RouteMatch;
  CHECK(read<RouteMatch>("prefix: /") == "prefix: \"/\"");
  CHECK(read<RouteMatch>("prefix: /\npath: /a\n") == "f:2:1: error: path: only one of 'prefix' and 'path' can be set\n");
  CHECK(read<RouteMatch>("prefix: /\npath:\n") == "prefix: \"/\"");
}

TEST_CASE("messages inside Any", "[to_proto]") {
  using envoy::config::core::v3::TypedExtensionConfig;
  const std::string router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
  envoy::extensions::filters::http::router::v3::Router want;
  want.set_suppress_envoy_headers(true);
  for (const std::string& yaml : std::initializer_list<std::string>{
           "typed_config: {'@type': " + router + ", suppress_envoy_headers: true}",
           "typed_config: {'@type': x/envoy.extensions.filters.http.router.v3.Router, suppressEnvoyHeaders: true}",
           "typed_config: {'@type': type.googleapis.com/xds.type.v3.TypedStruct, type_url: " + router +
               ", value: {suppress_envoy_headers: true}}",
           "typed_config: {'@type': type.googleapis.com/udpa.type.v1.TypedStruct, typeUrl: " + router +
               ", value: {suppress_envoy_headers: true}}",
       }) {
    INFO(yaml);
    const auto m = test::good<TypedExtensionConfig>("name: router\n" + yaml);
    CHECK(m.typed_config().type_url() == router);
    envoy::extensions::filters::http::router::v3::Router got;
    REQUIRE(m.typed_config().UnpackTo(&got));
    CHECK(got.ShortDebugString() == want.ShortDebugString());
  }
  struct Row {
    std::string yaml, told;
  };
  for (const Row& r : {
           Row{"typed_config: {a: b}",
               "f:1:1: error: typed_config: '@type' is missing: say which message this is, e.g. type.googleapis.com/...\n"},
           Row{"typed_config: x", "f:1:15: error: typed_config: expected an object with '@type', found a string 'x'\n"},
           Row{"typed_config: {'@type': type.googleapis.com/nope.Nope}",
               "f:1:25: error: typed_config: unknown type 'type.googleapis.com/nope.Nope'\n"},
           Row{"typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.gzip.v3.Gzip}",
               "f:1:25: error: typed_config: 'type.googleapis.com/envoy.extensions.filters.http.gzip.v3.Gzip' is known to Envoy "
               "and not implemented by "
               "Outrigger\n"},
           Row{"typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.gzip.v3.Gizp}",
               "f:1:25: error: typed_config: unknown type 'type.googleapis.com/envoy.extensions.filters.http.gzip.v3.Gizp'; did "
               "you mean "
               "'envoy.extensions.filters.http.gzip.v3.Gzip'?\n"},
           Row{"typed_config: {'@type': type.googleapis.com/xds.type.v3.TypedStruct, value: {}}",
               "f:1:1: error: typed_config: a TypedStruct needs 'type_url'\n"},
           Row{"typed_config: {'@type': " + router + ", nope: 1}",
               "f:1:93: error: typed_config.nope: no such field: envoy.extensions.filters.http.router.v3.Router has no 'nope'\n"},
       }) {
    INFO(r.yaml);
    CHECK(read<TypedExtensionConfig>(r.yaml) == r.told);
  }
  CHECK(read<TypedExtensionConfig>("typed_config: {}") == "typed_config { }");
}

TEST_CASE("bytes are base64", "[to_proto]") {
  using envoy::config::core::v3::DataSource;
  CHECK(read<DataSource>("inline_bytes: aGVsbG8=") == "inline_bytes: \"hello\"");
  CHECK(read<DataSource>("inline_bytes: aGVsbG8") == "inline_bytes: \"hello\"");
  CHECK(read<DataSource>("inline_bytes: '_-8='") == "inline_bytes: \"\\377\\357\"");
  CHECK(read<DataSource>("inline_bytes: 'a b'") ==
        "f:1:15: error: inline_bytes: expected bytes in base64, found a string 'a b'\n");
}

}  // namespace
}  // namespace outrigger::xds
