// What is asked when, and what waits for what: a start, late answers, lost streams, pushes that are bad in part.
#include "unit/xds/delivery/world.h"

namespace outrigger::xds::delivery_test {
namespace {

using namespace std::chrono_literals;

/// It has one cluster and one listener with routes.
void bring_up(World& w) {
  w.push("CDS", "1", {cluster("a")});
  w.push("EDS", "2", {endpoints("a")});
  w.push("LDS", "3", {listener("l", rds("r"))});
  w.push("RDS", "4", {routes("r", "a")});
  REQUIRE(w.ready);
  w.said();
}

TEST_CASE("a start asks for clusters, their endpoints, listeners and routes, each when the one before is there",
          "[xds][delivery]") {
  World w;
  CHECK(w.said() == Said{"CDS"});
  w.push("CDS", "1", {cluster("a"), cluster("b")});
  CHECK(w.said() == Said{"EDS a b", "CDS v1 n1"});
  w.push("EDS", "2", {endpoints("a")});
  CHECK(w.said() == Said{"EDS v2 n2 a b"});
  CHECK(w.stat("cluster_manager.warming_clusters") == 1);
  w.push("EDS", "3", {endpoints("a"), endpoints("b")});
  CHECK(w.said() == Said{"LDS", "EDS v3 n3 a b"});
  CHECK(w.stat("cluster_manager.warming_clusters") == 0);
  w.push("LDS", "4", {listener("l", rds("r"))});
  CHECK(w.said() == Said{"RDS r", "LDS v4 n4"});
  CHECK(w.stat("listener_manager.total_listeners_warming") == 1);
  CHECK_FALSE(w.ready);
  w.push("RDS", "5", {routes("r", "a")});
  CHECK(w.said() == Said{"RDS v5 n5 r"});
  CHECK(w.ready);
  CHECK(w.live());
  CHECK(w.stat("listener_manager.total_listeners_active") == 1);
}

TEST_CASE("endpoints that don't come are waited for as long as their source says", "[xds][delivery]") {
  World w;
  w.push("CDS", "1", {cluster("a")});
  w.run(14900ms);
  CHECK(w.said() == Said{"CDS", "EDS a", "CDS v1 n1"});
  CHECK(w.stat("cluster_manager.warming_clusters") == 1);
  w.run(200ms);
  CHECK(w.said() == Said{"LDS"});
  CHECK(w.stat("cluster_manager.warming_clusters") == 0);
  CHECK(w.stat("cluster.a.init_fetch_timeout") == 1);
  CHECK(w.stat("cluster.a.membership_total") == 0);
  w.push("EDS", "2", {endpoints("a")});  // late, and taken
  CHECK(w.said() == Said{"EDS v2 n2 a"});
  CHECK(w.stat("cluster.a.membership_total") == 1);
}

TEST_CASE("with no limit endpoints are waited for until they come", "[xds][delivery]") {
  World w;
  w.push("CDS", "1",
         {"{name: a, type: EDS, connect_timeout: 1s, eds_cluster_config: {eds_config: {ads: {}, resource_api_version: V3, "
          "initial_fetch_timeout: 0s}}}"});
  w.run(3600s);
  CHECK(w.said() == Said{"CDS", "EDS a", "CDS v1 n1"});
  w.push("EDS", "2", {endpoints("a")});
  CHECK(w.said() == Said{"LDS", "EDS v2 n2 a"});
}

TEST_CASE("a control plane that says nothing is waited for, then the proxy serves what it has", "[xds][delivery]") {
  World w;
  w.run(15100ms);
  CHECK(w.said() == Said{"CDS", "LDS"});
  CHECK(w.stat("cluster_manager.cds.init_fetch_timeout") == 1);
  CHECK_FALSE(w.ready);
  w.run(15100ms);
  CHECK(w.ready);
  w.push("CDS", "1", {cluster("a")});  // all of it late: it is taken
  CHECK(w.said() == Said{"EDS a"});    // answered when the cluster is there
  w.push("EDS", "2", {endpoints("a")});
  CHECK(w.said() == Said{"CDS v1 n1", "EDS v2 n2 a"});
  w.push("LDS", "3", {listener("l", "route_config: {name: inline}")});
  CHECK(w.said() == Said{"LDS v3 n3"});
  CHECK(w.stat("listener_manager.total_listeners_active") == 1);
}

TEST_CASE("routes that don't come leave a listener that answers 404", "[xds][delivery]") {
  World w;
  w.push("CDS", "1", {});
  w.push("LDS", "2", {listener("l", rds("r"))});
  w.run(14900ms);
  CHECK(w.stat("listener_manager.total_listeners_warming") == 1);
  w.run(200ms);
  CHECK(w.stat("listener_manager.total_listeners_warming") == 0);
  CHECK(w.stat("listener_manager.total_listeners_active") == 1);
  CHECK(w.stat("http.p.rds.r.init_fetch_timeout") == 1);
  CHECK(w.ready);
  CHECK(w.said() == Said{"CDS", "LDS", "CDS v1 n1", "RDS r", "LDS v2 n2"});
}

TEST_CASE("a changed cluster has the endpoints that are known; one of another service waits for its own", "[xds][delivery]") {
  World w;
  bring_up(w);
  w.push("CDS", "5", {cluster("a", ", lb_policy: RANDOM")});
  CHECK(w.said() == Said{"CDS v5 n5"});
  CHECK(w.stat("cluster_manager.cluster_modified") == 1);
  CHECK(w.stat("cluster.a.membership_total") == 1);
  w.push("CDS", "6",
         {"{name: a, type: EDS, connect_timeout: 1s, eds_cluster_config: {service_name: other, eds_config: {ads: {}, "
          "resource_api_version: V3}}}"});
  CHECK(w.said() == Said{"EDS v2 n2 other"});  // the push is answered when the cluster is there
  CHECK(w.stat("cluster_manager.warming_clusters") == 1);
  CHECK(w.stat("cluster_manager.active_clusters") == 1);
  w.push("EDS", "7", {endpoints("other")});
  CHECK(w.said() == Said{"CDS v6 n6", "EDS v7 n7 other"});
  CHECK(w.stat("cluster_manager.warming_clusters") == 0);
  CHECK(w.stat("cluster_manager.cluster_modified") == 2);
}

TEST_CASE("what is the same changes nothing, whatever its version", "[xds][delivery]") {
  World w;
  bring_up(w);
  w.push("CDS", "5", {cluster("a")});
  w.push("EDS", "6", {endpoints("a")});
  w.push("LDS", "7", {listener("l", rds("r"))});
  w.push("RDS", "8", {routes("r", "a")});
  CHECK(w.said() == Said{"CDS v5 n5", "EDS v6 n6 a", "LDS v7 n7", "RDS v8 n8 r"});
  CHECK(w.stat("cluster_manager.cluster_modified") == 0);
  CHECK(w.stat("cluster.a.update_no_rebuild") == 1);
  CHECK(w.stat("listener_manager.listener_modified") == 0);
  CHECK(w.stat("http.p.rds.r.config_reload") == 1);
}

TEST_CASE("a lost stream is opened again and told what is there; what is missing is asked for", "[xds][delivery]") {
  World w;
  bring_up(w);
  w.close();
  CHECK(w.said() == Said{});
  CHECK(w.stat("control_plane.connected_state") == 0);
  w.run(500ms);  // the first wait is at most so long
  CHECK(w.plane.calls == 2);
  CHECK(w.said() == Said{"CDS v1", "EDS v2 a", "LDS v3", "RDS v4 r"});
  CHECK(w.stat("control_plane.connected_state") == 1);
  CHECK(w.stat("cluster.a.membership_total") == 1);
  w.push("EDS", "9", {endpoints("a")});
  CHECK(w.said() == Said{"EDS v9 n9 a"});
}

TEST_CASE("a stream that is lost again and again is tried after longer and longer waits", "[xds][delivery]") {
  World w;
  w.said();
  int calls = w.plane.calls;
  Duration passed(0), longest(0);
  for (int i = 0; i < 12; ++i) {
    w.close();
    Duration waited(0);
    for (; w.plane.calls == calls; waited += 50ms) w.run(50ms);
    calls = w.plane.calls;
    longest = std::max(longest, waited);
    passed += waited;
    w.said();
  }
  CHECK(longest <= 30s + 50ms);
  CHECK(longest > 2s);
}

TEST_CASE("of a push that is bad in part the good is taken, and the rest told by name", "[xds][delivery]") {
  World w;
  bring_up(w);
  w.push("CDS", "5", {cluster("a"), cluster("bad", ", lb_policy: CLUSTER_PROVIDED"), cluster("b")});
  auto said = w.said();
  REQUIRE(said.size() == 1);  // endpoints of the good one; the refusal waits until it is warm, as Envoy's
  CHECK(said[0] == "EDS v2 n2 a b");
  w.push("EDS", "6", {endpoints("a"), endpoints("b")});
  said = w.said();
  REQUIRE(said.size() == 2);
  CHECK(said[0].starts_with("CDS v1 n5 refused: Error adding/updating cluster(s) bad: "));
  CHECK(said[1] == "EDS v6 n6 a b");
  CHECK(w.stat("cluster_manager.active_clusters") == 2);
  CHECK(w.stat("cluster_manager.cds.update_rejected") == 1);
}

TEST_CASE("of listeners and clusters whose extensions cannot be used the others are taken", "[xds][delivery]") {
  World w;
  bring_up(w);
  const auto of_type = [](const std::string& any) {
    return ", transport_socket: {name: x, typed_config: {'@type': type.googleapis.com/" + any + "}}";
  };
  const std::string nobodys = of_type("xds.type.v3.TypedStruct, type_url: a.b/nope.X, value: {c: 1}");
  const std::string lacked = of_type("envoy.extensions.access_loggers.fluentd.v3.FluentdAccessLogConfig");
  w.push("LDS", "5",
         {listener("l", rds("r")), listener("nobodys", rds("r"), nobodys), listener("lacked", rds("r"), lacked),
          listener("field, stats_matcher: {}", rds("r")), listener("m", rds("r"))});
  CHECK(w.said() == Said{"LDS v3 n5 refused: Error adding/updating listener(s) "
                         "nobodys: filter_chains[0].transport_socket.typed_config: unknown type 'a.b/nope.X', "
                         "lacked: filter_chains[0].transport_socket.typed_config: "
                         "'type.googleapis.com/envoy.extensions.access_loggers.fluentd.v3.FluentdAccessLogConfig' is known to "
                         "Envoy and not implemented by Outrigger, "
                         "field: stats_matcher: field 'stats_matcher' of envoy.config.listener.v3.Listener is known to Envoy and "
                         "not implemented by Outrigger"});
  CHECK(w.stat("listener_manager.lds.update_rejected") == 1);
  CHECK(w.stat("listener_manager.total_listeners_active") == 2);
  w.push("CDS", "6", {cluster("a"), cluster("nobodys", nobodys), cluster("lacked", lacked), cluster("field, stats_matcher: {}")});
  const auto said = w.said();
  REQUIRE(said.size() == 1);
  CHECK_THAT(said[0],
             Catch::StartsWith("CDS v1 n6 refused: Error adding/updating cluster(s) nobodys: transport_socket.typed_config: "
                               "unknown type 'a.b/nope.X', lacked: transport_socket.typed_config: "));
  CHECK_THAT(said[0], Catch::Contains("field: stats_matcher: field 'stats_matcher' of envoy.config.cluster.v3.Cluster"));
  CHECK(w.stat("cluster_manager.cds.update_rejected") == 1);
  CHECK(w.stat("cluster_manager.active_clusters") == 1);
}

TEST_CASE("the limit of regular expressions is what the runtime says", "[xds][delivery]") {
  World w("layered_runtime: {layers: [{name: s, static_layer: {re2.max_program_size.error_level: 101}}]}\n");
  bring_up(w);
  const auto matching = [](const std::string& regex) {
    return "{name: r, virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {safe_regex: {regex: '" + regex +
           "'}}, route: {cluster: a}}]}]}";
  };
  w.push("RDS", "5", {matching("[a-z]{97}")});
  CHECK(w.said() == Said{"RDS v5 n5 r"});
  w.push("RDS", "6", {matching("[a-z]{98}")});
  const auto said = w.said();
  REQUIRE(said.size() == 1);
  CHECK_THAT(said[0], Catch::StartsWith("RDS v5 n6 refused: "));
  CHECK_THAT(said[0], Catch::Contains("RE2 program size of 102 > max program size of 101 set for the error level threshold"));
}

TEST_CASE("a cluster that goes takes its endpoints' names with it", "[xds][delivery]") {
  World w;
  bring_up(w);
  w.push("CDS", "5", {cluster("b")});
  CHECK(w.said() == Said{"EDS v2 n2 b"});
  w.push("EDS", "6", {endpoints("b")});
  CHECK(w.said() == Said{"CDS v5 n5", "EDS v6 n6 b"});
  CHECK(w.stat("cluster_manager.active_clusters") == 1);
  CHECK(w.stat("cluster_manager.cluster_removed") == 1);
}

TEST_CASE("a listener that goes drains for the drain time, and its routes are asked for no more after it", "[xds][delivery]") {
  World w;
  bring_up(w);
  w.push("LDS", "5", {});
  CHECK(w.said() == Said{"LDS v5 n5"});
  CHECK(w.stat("listener_manager.total_listeners_active") == 0);
  CHECK(w.stat("listener_manager.total_listeners_draining") == 1);
  w.run(9900ms);
  CHECK(w.stat("listener_manager.total_listeners_draining") == 1);
  w.run(200ms);
  CHECK(w.stat("listener_manager.total_listeners_draining") == 0);
  CHECK(w.said() == Said{"RDS v4 n4"});
}

TEST_CASE("a listener whose secret is late serves after the deadline at most, and a cluster waits like it", "[xds][delivery]") {
  World w;
  w.push("CDS", "1", {});
  const std::string tls =
      ", transport_socket: {name: tls, typed_config: {'@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
      "DownstreamTlsContext, common_tls_context: {tls_certificate_sds_secret_configs: [{name: s, sds_config: {ads: {}, "
      "resource_api_version: V3}}]}}}";
  w.push("LDS", "2", {listener("l", "route_config: {name: inline}", tls)});
  CHECK(w.said() == Said{"CDS", "LDS", "CDS v1 n1", "SDS s", "LDS v2 n2"});
  CHECK(w.stat("listener_manager.total_listeners_warming") == 1);
  w.run(15100ms);
  CHECK(w.stat("listener_manager.total_listeners_warming") == 0);
  CHECK(w.stat("listener_manager.total_listeners_active") == 1);
  CHECK(w.ready);
}

const std::string kFilters = "type.googleapis.com/envoy.extensions.filters.";
const std::string kEcho = kFilters + "network.echo.v3.Echo";
const std::string kLimit = kFilters + "listener.local_ratelimit.v3.LocalRateLimit";

/// A listener with a listener filter "in" and a network filter "last", whose configs come later.
std::string late_listener(const std::string& more_of_in = "") {
  const auto from = [](const std::string& types) {
    return "config_discovery: {config_source: {ads: {}, resource_api_version: V3}, type_urls: [" + types + "]";
  };
  return "{name: l, stat_prefix: l, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, listener_filters: [{name: "
         "in, " +
         from(kLimit) + more_of_in + "}}], filter_chains: [{filters: [{name: last, " + from(kEcho) + "}}]}]}";
}
std::string extension(const std::string& name, const std::string& type, const std::string& more = "") {
  return "{name: " + name + ", typed_config: {'@type': " + type + more + "}}";
}
const std::string kBucket = ", stat_prefix: r, token_bucket: {max_tokens: 1, fill_interval: 1s}";

TEST_CASE("a listener waits for the configs of its listener filters and network filters", "[xds][delivery]") {
  World w;
  w.push("CDS", "1", {});
  w.push("LDS", "2", {late_listener()});
  CHECK(w.said() == Said{"CDS", "LDS", "CDS v1 n1", "ECDS in last", "LDS v2 n2"});
  CHECK(w.stat("listener_manager.total_listeners_warming") == 1);
  w.push("ECDS", "3", {extension("in", kLimit, kBucket)});
  CHECK(w.said() == Said{"ECDS v3 n3 in last"});
  CHECK(w.stat("listener_manager.total_listeners_warming") == 1);
  CHECK_FALSE(w.ready);
  w.push("ECDS", "4", {extension("in", kLimit, kBucket), extension("last", kEcho)});
  CHECK(w.said() == Said{"ECDS v4 n4 in last"});
  CHECK(w.stat("listener_manager.total_listeners_active") == 1);
  CHECK(w.ready);
  CHECK(w.stat("extension_config_discovery.tcp_listener_filter.in.config_reload") == 1);
  CHECK(w.stat("extension_config_discovery.network_filter.last.config_reload") == 1);
}

TEST_CASE("configs of filters that don't come are waited for as long as their source says", "[xds][delivery]") {
  World w;
  w.push("CDS", "1", {});
  w.push("LDS", "2", {late_listener()});
  w.run(15100ms);
  CHECK(w.stat("listener_manager.total_listeners_active") == 1);
  CHECK(w.stat("extension_config_discovery.network_filter.last.config_fail") == 1);
  CHECK(w.ready);
  w.push("ECDS", "3", {extension("last", kLimit, kBucket), extension("in", kLimit, kBucket)});
  const auto said = w.said();
  CHECK(said.back().find(
            "ECDS n3 refused: last: Error: filter config has type URL envoy.extensions.filters.listener.local_ratelimit.v3."
            "LocalRateLimit but expect envoy.extensions.filters.network.echo.v3.Echo.") == 0);
}

TEST_CASE("of many listeners only what changed is made anew", "[xds][delivery]") {
  const auto echo = [](const std::string& name, const std::string& more = "") {
    return "{name: " + name +
           ", stat_prefix: l, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: "
           "[{name: e, typed_config: {'@type': " +
           kEcho + "}}]}]" + more + "}";
  };
  World w;
  w.push("CDS", "1", {});
  std::vector<std::string> all;
  for (int i = 0; i < 120; ++i) all.push_back(echo("l" + std::to_string(i)));
  w.push("LDS", "1", all);
  CHECK(w.stat("listener_manager.total_listeners_active") == 120);
  CHECK(w.stat("listener_manager.listener_added") == 120);
  CHECK(w.ready);
  all[7] = echo("l7", ", traffic_direction: INBOUND");
  all.pop_back();
  all.push_back(echo("fresh"));
  w.push("LDS", "2", all);
  CHECK(w.stat("listener_manager.listener_added") == 121);
  CHECK(w.stat("listener_manager.listener_modified") == 1);
  CHECK(w.stat("listener_manager.listener_removed") == 1);
  CHECK(w.stat("listener_manager.total_listeners_active") == 120);
  w.said();
  all.push_back(echo("l3"));
  w.push("LDS", "3", all);
  CHECK(w.said() == Said{"LDS v2 n3 refused: Error adding/updating listener(s) l3: duplicate listener l3 found"});
  CHECK(w.stat("listener_manager.listener_modified") == 1);
  all.pop_back();
  w.push("LDS", "4", all);
  CHECK(w.said() == Said{"LDS v4 n4"});
  CHECK(w.stat("listener_manager.listener_modified") == 1);
}

TEST_CASE("a control plane that repeats what was refused is answered once a second at most", "[xds][delivery]") {
  World w;
  bring_up(w);
  std::size_t answers = 0;
  for (int i = 0; i < 100; ++i) {  // ten seconds, ten pushes a second
    w.push("RDS", std::to_string(10 + i), {"{name: r, virtual_hosts: [{name: v, domains: ['*']}, {name: w, domains: ['*']}]}"});
    w.run(99ms);
    answers += w.said().size();
  }
  CHECK(answers >= 10);
  CHECK(answers <= 14);
  CHECK(w.stat("http.p.rds.r.config_reload") == 1);
}

}  // namespace
}  // namespace outrigger::xds::delivery_test
