// Kinds of clusters: hosts that requests name, pools for each client, connections that end when the hosts change,
// connections made ahead, limits of pools.
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

/// A cluster dst beside the others, whose hosts are where requests want to go.
Setup original_dst(const std::string& more = "") {
  Setup s;
  s.routes = "{match: {prefix: /}, route: {cluster: dst, retry_policy: {retry_on: 'connect-failure', num_retries: 1}}}";
  s.cluster =
      "connect_timeout: 5s}, {name: dst, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, original_dst_lb_config: "
      "{use_http_header: true}," +
      more;
  return s;
}

std::string to(const std::string& ip_port) { return "x-envoy-original-dst-host: " + ip_port + "\r\n"; }

}  // namespace

TEST_CASE("hosts that requests name come with the first of them and go when nobody uses them", "[sim]") {
  play_all({original_dst(), [](World& w) {
              auto& one = w.server("10.0.1.1:80");
              auto& two = w.server("10.0.1.2:81");
              auto& client = w.connect();
              for (const char* where : {"10.0.1.1:80", "10.0.1.2:81", "10.0.1.1:80"}) {
                client.get("/", to(where));
                w.run(50ms);
              }
              CHECK_GENTLE(w, client.responses().size() == 3);
              CHECK_GENTLE(w, one.requests.size() == 2);
              CHECK_GENTLE(w, two.requests.size() == 1);
              CHECK_CLEAN(w, w.stat("cluster.dst.membership_total") == 2);
              CHECK_CLEAN(w, w.stat("cluster.dst.upstream_cx_total") == 2);
              w.run(20s);
              CHECK_CLEAN(w, w.stat("cluster.dst.membership_total") == 2);  // they are connected
              w.run(2h);
              CHECK_CLEAN(w, w.stat("cluster.dst.membership_total") == 0);
              auto& later = w.connect();
              later.get("/", to("10.0.1.1:80"));
              w.run(50ms);
              CHECK_GENTLE(w, later.status() == 200);
            }});
}

TEST_CASE("a host goes away while a request to it waits for its answer", "[sim]") {
  play_all({original_dst("cleanup_interval: 0.1s,"), [](World& w) {
              auto& up = w.server("10.0.1.1:80");
              up.on_request = [&w](auto& c, const Message&) { w.after(1s, [&c] { c.reply(); }); };
              auto& client = w.connect();
              client.get("/", to("10.0.1.1:80"));
              w.run(2s);
              CHECK_GENTLE(w, client.status() == 200);
              for (auto& c : up.connections) c.peer.close();
              w.run(2s);
              CHECK_CLEAN(w, w.stat("cluster.dst.membership_total") == 0);
            }});
}

TEST_CASE("nobody is where a request wants to go", "[sim]") {
  play_all({original_dst(), [](World& w) {
              w.network.target("10.0.1.9:80").answer = Target::refuse;
              auto& client = w.connect();
              client.get("/", to("10.0.1.9:80"));
              w.run(1s);
              client.get("/");
              w.run(1s);
              CHECK_GENTLE(w, client.responses().size() == 2);
              CHECK_CLEAN(w, w.log().at(0).starts_with("503 URX,UF "));
              CHECK_CLEAN(w, w.log().at(1).starts_with("503 UH no_healthy_upstream "));
            }});
}

TEST_CASE("each client has connections of its own, and its pool goes with the last of them", "[sim]") {
  play_all({{.cluster = "connection_pool_per_downstream_connection: true,"}, [](World& w) {
              auto& up = w.server();
              auto& one = w.connect();
              auto& two = w.connect();
              for (auto* c : {&one, &two, &one}) {
                c->get();
                w.run(50ms);
              }
              CHECK_GENTLE(w, up.requests.size() == 3);
              CHECK_CLEAN(w, up.connections.size() == 2);
              for (auto& c : up.connections) c.peer.close();
              w.run(50ms);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_cx_active") == 0);
              one.get();
              two.get();
              one.peer.abort();
              w.run(50ms);
              CHECK_CLEAN(w, two.responses().size() == 2);
            }});
}

TEST_CASE("a pool that may not be made is a 503, one that nobody uses makes room", "[sim]") {
  play_all({{.cluster =
                 "connection_pool_per_downstream_connection: true, circuit_breakers: {thresholds: [{max_connection_pools: 1}]},"},
            [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message& m) {
                if (m.path() != "/slow") c.reply();
              };
              auto& one = w.connect();
              auto& two = w.connect();
              one.get("/slow");
              w.run(50ms);
              two.get();
              w.run(50ms);
              CHECK_CLEAN(w, two.status() == 503);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_cx_pool_overflow") == 1);
              CHECK_CLEAN(w, w.stat("cluster.up.circuit_breakers.default.cx_pool_open") == 1);
              for (auto& c : up.connections) c.reply();
              w.run(50ms);
              two.get();
              w.run(50ms);
              CHECK_CLEAN(w, two.responses().size() == 2);
              one.get();
              w.run(50ms);
              CHECK_CLEAN(w, one.responses().size() == 2);
            }});
}

TEST_CASE("connections end when the hosts change, busy ones after their request", "[sim]") {
  play_all({{.cluster = "common_lb_config: {close_connections_on_host_set_change: true},", .hosts = 2}, [](World& w) {
              w.server("10.0.1.1:80").on_request = [&w](auto& c, const Message&) { w.after(100ms, [&c] { c.reply(); }); };
              w.server("10.0.1.2:80");
              auto& one = w.connect();
              auto& two = w.connect();
              one.get();
              two.get();
              w.run(50ms);
              w.set_hosts(true);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_cx_active") == 1);
              w.run(200ms);
              CHECK_GENTLE(w, one.status() == 200);
              CHECK_GENTLE(w, two.status() == 200);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_cx_active") == 0);
              one.get();
              w.run(200ms);
              CHECK_GENTLE(w, one.responses().size() == 2);
            }});
}

TEST_CASE("connections are made ahead of the requests", "[sim]") {
  play_all({{.cluster = "preconnect_policy: {per_upstream_preconnect_ratio: 2},"}, [](World& w) {
              auto& up = w.server();
              auto& client = w.connect();
              client.get();
              w.run(50ms);
              CHECK_GENTLE(w, client.status() == 200);
              CHECK_CLEAN(w, up.connections.size() == 2);
              client.get();
              w.run(50ms);
              CHECK_CLEAN(w, up.connections.size() == 2);
            }});
}
