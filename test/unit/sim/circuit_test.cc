// Circuit breakers and pools: connections, pending requests, requests; nobody waits for ever, every slot comes back.
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

std::string limits(const std::string& text) { return "circuit_breakers: {thresholds: [{" + text + "}]},"; }

/// `n` clients with one request each, at the same time.
std::vector<Client*> many(World& w, int n) {
  std::vector<Client*> all;
  for (int i = 0; i < n; ++i) {
    all.push_back(&w.connect());
    all.back()->get("/" + std::to_string(i));
  }
  return all;
}

int count(const std::vector<Client*>& clients, int status) {
  int n = 0;
  for (auto* c : clients) n += c->status() == status;
  return n;
}

Server& slow_server(World& w, Duration wait, const std::string& at = "10.0.1.1:80") {
  auto& up = w.server(at);
  up.on_request = [&w, wait](auto& c, const Message&) { w.after(wait, [&c] { c.reply(); }); };
  return up;
}

}  // namespace

TEST_CASE("one connection serves all, one after another", "[sim]") {
  play_all({{.cluster = limits("max_connections: 1")}, [](World& w) {
              auto& up = slow_server(w, 10ms);
              auto clients = many(w, 4);
              w.run(1s);
              CHECK_GENTLE(w, count(clients, 200) == 4);
              CHECK_GENTLE(w, up.connections.size() == 1);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_cx_overflow") == 6);  // asked for again whenever some are left waiting
            }});
}

TEST_CASE("too many pending requests are refused", "[sim]") {
  play_all({{.cluster = limits("max_connections: 1, max_pending_requests: 1")}, [](World& w) {
              slow_server(w, 10ms);
              auto clients = many(w, 4);
              w.run(1s);
              CHECK_CLEAN(w, count(clients, 200) + count(clients, 503) == 4);
              CHECK_CLEAN(w, count(clients, 503) > 0);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_rq_pending_overflow") == static_cast<unsigned>(count(clients, 503)));
              auto& late = w.connect();
              late.get();
              w.run(1s);
              CHECK_GENTLE(w, late.status() == 200);
            }});
}

TEST_CASE("too many running requests are refused", "[sim]") {
  play_all({{.cluster = limits("max_requests: 2")}, [](World& w) {
              slow_server(w, 10ms);
              auto clients = many(w, 4);
              w.run(1s);
              CHECK_CLEAN(w, count(clients, 200) == 2);
              CHECK_CLEAN(w, count(clients, 503) == 2);
            }});
}

TEST_CASE("requests that wait for a connection which may not serve them are all refused", "[sim]") {
  // The only request that may run is on host 1; on host 2 three wait for one connection.
  play_all({{.cluster = limits("max_connections: 2, max_requests: 1"), .hosts = 2}, [](World& w) {
              slow_server(w, 2s, "10.0.1.1:80");
              auto& second = slow_server(w, 10ms, "10.0.1.2:80");
              second.target.delay = 100ms;
              auto clients = many(w, 6);
              w.run(1s);
              CHECK_CLEAN(w, count(clients, 503) == 3);
              w.run(5s);
              CHECK_CLEAN(w, count(clients, 200) + count(clients, 503) == 6);
            }});
}

TEST_CASE("waiting requests whose connection fails are all told", "[sim]") {
  play_all({{.cluster = limits("max_connections: 1") + "connect_timeout: 0.2s,"}, [](World& w) {
              w.network.target("10.0.1.1:80").answer = Target::silence;
              auto clients = many(w, 4);
              w.run(1s);
              CHECK_GENTLE(w, count(clients, 503) == 4);
            }});
}

TEST_CASE("a waiting request whose client goes leaves its place to the next", "[sim]") {
  play_all({{.cluster = limits("max_connections: 1")}, [](World& w) {
              auto& up = slow_server(w, 20ms);
              auto clients = many(w, 4);
              w.run(5ms);
              clients[1]->peer.close();
              clients[2]->peer.abort();
              w.run(1s);
              CHECK_GENTLE(w, clients[0]->status() == 200);
              CHECK_GENTLE(w, clients[3]->status() == 200);
              CHECK_CLEAN(w, up.requests.size() == 2);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_rq_cancelled") == 2);
            }});
}

TEST_CASE("the client goes while its connection is under way, which serves the next", "[sim]") {
  play_all({{}, [](World& w) {
              auto& up = w.server();
              up.target.delay = 50ms;
              auto& client = w.connect();
              client.get();
              w.run(10ms);
              client.peer.close();
              w.run(100ms);
              auto& next = w.connect();
              next.get();
              w.run(200ms);
              CHECK_GENTLE(w, next.status() == 200);
              CHECK_CLEAN(w, up.connections.size() == 1);
            }});
}

TEST_CASE("a connection serves only so many requests", "[sim]") {
  play_all({{.cluster = "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"
                        "'@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, "
                        "common_http_protocol_options: {max_requests_per_connection: 2}, "
                        "explicit_http_config: {http_protocol_options: {}}}},"},
            [](World& w) {
              auto& up = w.server();
              auto& client = w.connect();
              for (int i = 0; i < 5; ++i) {
                client.get();
                w.run(50ms);
              }
              CHECK_GENTLE(w, client.responses().size() == 5);
              CHECK_CLEAN(w, up.connections.size() == 3);
            }});
}

TEST_CASE("the circuit of high priority is another one", "[sim]") {
  const std::string routes =
      "{match: {prefix: /high}, route: {cluster: up, priority: HIGH}}, {match: {prefix: /}, route: {cluster: up}}";
  play_all({{.routes = routes,
             .cluster = "circuit_breakers: {thresholds: [{max_connections: 1, max_pending_requests: 1}, "
                        "{priority: HIGH, max_connections: 1, max_requests: 1}]},"},
            [](World& w) {
              slow_server(w, 10ms);
              std::vector<Client*> clients;
              for (const auto* path : {"/low", "/high", "/low", "/high", "/high", "/low"}) {
                clients.push_back(&w.connect());
                clients.back()->get(path);
              }
              w.run(5s);
              CHECK_CLEAN(w, count(clients, 200) + count(clients, 503) == 6);
            }});
}
