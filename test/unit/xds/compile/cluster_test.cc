// Clusters as they are compiled: defaults, endpoints, limits, options.
#include <catch2/catch.hpp>

#include "support/xds.h"

namespace outrigger {
namespace {

using namespace std::chrono_literals;

upstream::ClusterConfigPtr cluster(const std::string& fields) {
  const test::Compiled c(test::cluster_bootstrap("name: c" + (fields.empty() ? "" : ", " + fields)));
  INFO(fields << '\n' << c.told());
  REQUIRE(c.problems.ok());
  REQUIRE(c.config.clusters.size() == 1);
  return c.config.clusters[0];
}

TEST_CASE("percentages are cut to whole ones as Envoy's are", "[compile]") {
  struct Row {
    const char* value;
    std::uint32_t whole;
  };
  for (const Row& r : {Row{"0", 0}, Row{"0.9", 0}, Row{"28", 28}, Row{"29", 28}, Row{"50", 50}, Row{"57", 56}, Row{"58", 57},
                       Row{"59", 59}, Row{"99.9", 99}, Row{"100", 100}}) {
    INFO(r.value);
    const std::string value = "{value: " + std::string(r.value) + "}";
    CHECK(cluster("common_lb_config: {healthy_panic_threshold: " + value + "}")->panic_percent == r.whole);
    CHECK(cluster("common_lb_config: {zone_aware_lb_config: {routing_enabled: " + value + "}}")->zones->enabled_percent ==
          r.whole);
  }
}

TEST_CASE("a window for changes of hosts is told to have no effect", "[compile]") {
  const auto told = [](const char* window) {
    return test::Compiled(
               test::cluster_bootstrap("name: c, common_lb_config: {update_merge_window: " + std::string(window) + "}"))
        .told();
  };
  CHECK(told("0s").empty());
  CHECK(told("2s") ==
        "static_resources.clusters[0].common_lb_config.update_merge_window: has no effect: changes of hosts are seen at once\n");
}

TEST_CASE("a cluster's defaults are Envoy's", "[compile]") {
  const auto c = cluster("");
  CHECK(c->name == "c");
  CHECK(c->stat_name == "c");
  CHECK(c->discovery == upstream::Discovery::static_);
  CHECK(c->lb == upstream::LbKind::round_robin);
  CHECK(c->choice_count == 2);
  CHECK(c->panic_percent == 50);
  CHECK(c->policy.overprovisioning == 140);
  CHECK(c->connect_timeout == 5s);
  CHECK(c->buffer_bytes_max == 1024 * 1024);
  for (const auto* t : {&c->normal, &c->high}) {
    CHECK(t->connections == 1024);
    CHECK(t->pending == 1024);
    CHECK(t->requests == 1024);
    CHECK(t->retries == 3);
    CHECK_FALSE(t->has_retry_budget);
  }
  CHECK(c->idle_timeout == std::optional<Duration>(1h));
  CHECK(c->http1->headers_kb_max == 80);
  CHECK(c->http1->headers_max == 100);
  CHECK(c->dns->refresh == 5s);
  CHECK(c->endpoints.empty());
}

TEST_CASE("fields of a cluster", "[compile]") {
  struct Row {
    const char* fields;
    bool (*holds)(const upstream::ClusterConfig&);
  };
  using C = upstream::ClusterConfig;
  for (const Row& r : {
           Row{"alt_stat_name: s", [](const C& c) { return c.stat_name == "s" && c.name == "c"; }},
           Row{"type: STRICT_DNS", [](const C& c) { return c.discovery == upstream::Discovery::strict_dns; }},
           Row{"lb_policy: LEAST_REQUEST, least_request_lb_config: {choice_count: 5, active_request_bias: {default_value: 0.5, "
               "runtime_key: k}}",
               [](const C& c) {
                 return c.lb == upstream::LbKind::least_request && c.choice_count == 5 && c.active_request_bias.value == 0.5;
               }},
           Row{"lb_policy: RANDOM", [](const C& c) { return c.lb == upstream::LbKind::random; }},
           Row{"load_balancing_policy: {policies: [{typed_extension_config: {name: x, typed_config: {}}}, "
               "{typed_extension_config: {name: r, typed_config: "
               "{'@type': type.googleapis.com/envoy.extensions.load_balancing_policies.random.v3.Random}}}]}",
               [](const C& c) { return c.lb == upstream::LbKind::random; }},
           Row{"common_lb_config: {healthy_panic_threshold: {value: 33.9}}", [](const C& c) { return c.panic_percent == 33; }},
           Row{"connect_timeout: 0.25s", [](const C& c) { return c.connect_timeout == 250ms; }},
           Row{"per_connection_buffer_limit_bytes: 7", [](const C& c) { return c.buffer_bytes_max == 7; }},
           Row{"circuit_breakers: {thresholds: [{max_connections: 1, max_pending_requests: 2, max_requests: 3, max_retries: 4}]}",
               [](const C& c) {
                 return c.normal.connections == 1 && c.normal.pending == 2 && c.normal.requests == 3 && c.normal.retries == 4 &&
                        c.high.requests == 1024;
               }},
           Row{"circuit_breakers: {thresholds: [{priority: HIGH, max_requests: 9}]}",
               [](const C& c) { return c.high.requests == 9 && c.normal.requests == 1024; }},
           Row{"circuit_breakers: {thresholds: [{retry_budget: {}}]}",
               [](const C& c) {
                 return c.normal.has_retry_budget && c.normal.retry_budget_percent == 20 && c.normal.retry_budget_min == 3;
               }},
           Row{"circuit_breakers: {thresholds: [{retry_budget: {budget_percent: {value: 12.5}, min_retry_concurrency: 0}}]}",
               [](const C& c) { return c.normal.retry_budget_percent == 12.5 && c.normal.retry_budget_min == 0; }},
           Row{"common_http_protocol_options: {idle_timeout: 0s}", [](const C& c) { return !c.idle_timeout; }},
           Row{"common_http_protocol_options: {idle_timeout: 3s, max_headers_count: 5, max_requests_per_connection: 6}",
               [](const C& c) {
                 return *c.idle_timeout == 3s && c.http1->headers_max == 5 && c.requests_per_connection_max == 6;
               }},
           Row{"max_requests_per_connection: 4", [](const C& c) { return c.requests_per_connection_max == 4; }},
           Row{"upstream_connection_options: {tcp_keepalive: {keepalive_probes: 1, keepalive_time: 2, keepalive_interval: 3}}",
               [](const C& c) { return c.keepalive.has_value(); }},
           Row{"upstream_bind_config: {source_address: {address: 127.0.0.2, port_value: 0}}",
               [](const C& c) { return c.bind_sources.size() == 1 && c.bind_sources[0].address.ip_text() == "127.0.0.2"; }},
           Row{"type: STRICT_DNS, dns_lookup_family: V4_ONLY, respect_dns_ttl: true, dns_refresh_rate: 7s",
               [](const C& c) {
                 return c.dns->family == upstream::DnsFamily::v4_only && c.dns->respect_ttl && c.dns->refresh == 7s;
               }},
       }) {
    INFO(r.fields);
    CHECK(r.holds(*cluster(r.fields)));
  }
}

TEST_CASE("endpoints with their weights, priorities, health and names", "[compile]") {
  const auto c = cluster(R"(load_assignment: {cluster_name: c, policy: {overprovisioning_factor: 150}, endpoints: [
    {locality: {region: r, zone: z, sub_zone: s}, lb_endpoints: [
      {endpoint: {address: {socket_address: {address: 10.0.0.1, port_value: 81}}, hostname: one}, load_balancing_weight: 3, health_status: UNHEALTHY,
       metadata: {filter_metadata: {envoy.lb: {canary: true, version: v1}}}},
      {endpoint: {address: {pipe: {path: /up}}}}]},
    {priority: 1, load_balancing_weight: 5, lb_endpoints: [{endpoint: {address: {socket_address: {address: "::1", port_value: 82}}}, health_status: DRAINING}]}]})");
  CHECK(c->policy.overprovisioning == 150);
  REQUIRE(c->endpoints.size() == 3);
  const auto &a = *c->endpoints[0], &b = *c->endpoints[1], &d = *c->endpoints[2];
  CHECK(a.address.text() == "10.0.0.1:81");
  CHECK(a.hostname() == "one");
  CHECK(a.weight == 3);
  CHECK(a.health == upstream::Health::unhealthy);
  CHECK(a.canary);
  CHECK(a.locality->zone == "z");
  CHECK(b.address.text() == "/up");
  CHECK(b.weight == 1);
  CHECK(b.health == upstream::Health::unknown);
  CHECK(d.priority == 1);
  CHECK(d.locality_weight == 5);
  CHECK(d.health == upstream::Health::draining);
}

TEST_CASE("names to resolve, and addresses that are their own names", "[compile]") {
  const auto c = cluster(R"(type: STRICT_DNS, load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [
    {endpoint: {address: {socket_address: {address: a.example, port_value: 81}}}, load_balancing_weight: 2},
    {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 82}}}}]}]})");
  REQUIRE(c->dns->hosts.size() == 2);
  CHECK(c->dns->hosts[0].name == "a.example");
  CHECK(c->dns->hosts[0].port == 81);
  CHECK(c->dns->hosts[0].pattern.weight == 2);
  CHECK(c->dns->hosts[1].name == "127.0.0.1");
  CHECK(c->dns->hosts[1].port == 82);
  CHECK(c->endpoints.empty());
}

}  // namespace
}  // namespace outrigger
