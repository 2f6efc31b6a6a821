// Requests to a dynamic forward proxy that wait until their hosts' names were resolved.
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

const std::string kCache = "dns_cache_config: {name: names, max_hosts: 4, dns_cache_circuit_breaker: {max_pending_requests: 3}}";
const std::string kCluster =
    "lb_policy: CLUSTER_PROVIDED, cluster_type: {name: envoy.clusters.dynamic_forward_proxy, typed_config: {'@type': "
    "type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig, " +
    kCache + "}},";
const std::string kFilter =
    "{name: dfp, typed_config: {'@type': "
    "type.googleapis.com/envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig, " +
    kCache + "}},";
const std::string kHost = "h:80", kAddress = "10.0.1.1:80";

using Names = std::vector<std::string>;

/// With the filter, and the cluster for itself.
void play_both(const Setup& setup, const std::function<void(World&, bool filter)>& play) {
  for (const bool filter : {true, false}) {
    Setup s = setup;
    s.cluster = kCluster + setup.cluster;
    if (filter) s.filters = kFilter;
    play_all({s, [&](World& w) { play(w, filter); }});
  }
}

/// Whatever still waits, for some fault, goes on.
void settle(World& w) {
  for (int i = 0; i < 2; ++i) {
    w.tell_address(kHost, kAddress);
    w.run(1s);
  }
}

}  // namespace

TEST_CASE("requests wait for their host's address, with their bodies", "[sim]") {
  play_both({}, [](World& w, bool) {
    auto& up = w.server();
    auto& one = w.connect();
    auto& two = w.connect();
    one.get();
    two.post(std::string(5000, 'b'));
    w.run(1s);
    CHECK_CLEAN(w, w.asked()->names == Names{kHost});
    CHECK_CLEAN(w, up.requests.empty());
    w.tell_address(kHost, kAddress);
    w.run(50ms);
    CHECK_CLEAN(w, one.status() == 200);
    CHECK_CLEAN(w, two.status() == 200);
    CHECK_CLEAN(w, up.requests.size() == 2);
    one.get();
    w.run(50ms);
    CHECK_CLEAN(w, w.asked()->names.size() == 1);
    CHECK_CLEAN(w, one.responses().size() == 2);
    settle(w);
  });
}

TEST_CASE("a body beyond the limit waits with its request", "[sim]") {
  for (const bool filter : {true, false})
    play_all({{.filters = filter ? kFilter : "", .listener = "per_connection_buffer_limit_bytes: 20000,", .cluster = kCluster},
              [](World& w) {
                auto& up = w.server();
                auto& client = w.connect();
                client.post(std::string(200000, 'b'));
                w.run(1s);
                w.tell_address(kHost, kAddress);
                w.run(5s);
                CHECK_CLEAN(w, client.status() == 200);
                CHECK_CLEAN(w, up.requests.size() == 1);
                settle(w);
              },
              true});
}

TEST_CASE("there is no such host", "[sim]") {
  play_both({}, [](World& w, bool filter) {
    w.server();
    auto& client = w.connect();
    client.post("body");
    w.run(50ms);
    w.tell_address(kHost, "dns_resolution_failure{nothing}");
    w.run(50ms);
    CHECK_CLEAN(w, client.status() == 503);
    CHECK_CLEAN(w, w.log().at(0).starts_with(filter ? "503 DF dns_resolution_failure{nothing} "
                                                    : "503 UH dns_resolution_failure{nothing} "));
    settle(w);
  });
}

TEST_CASE("clients go while a name is resolved", "[sim]") {
  play_both({}, [](World& w, bool) {
    w.server();
    auto& goes = w.connect();
    auto& stays = w.connect();
    goes.get("/goes");
    stays.get("/stays");
    w.run(50ms);
    goes.peer.close();
    w.run(50ms);
    w.tell_address(kHost, kAddress);
    w.run(50ms);
    CHECK_CLEAN(w, stays.status() == 200);
    settle(w);
  });
}

TEST_CASE("a request's time runs out while a name is resolved", "[sim]") {
  play_both({.hcm = "stream_idle_timeout: 5s, "}, [](World& w, bool) {
    w.server();
    auto& client = w.connect();
    client.get();
    w.run(6s);
    CHECK_CLEAN(w, client.status() == 504);
    settle(w);
  });
  play_all({{.routes = up_route("timeout: 2s"), .cluster = kCluster}, [](World& w) {
              w.server();
              auto& client = w.connect();
              client.get();
              w.run(3s);
              CHECK_CLEAN(w, client.status() == 504);
              settle(w);
            }});
}

TEST_CASE("only so many requests wait for names", "[sim]") {
  play_both({}, [](World& w, bool) {
    w.server();
    std::vector<Client*> clients;
    for (int i = 0; i < 5; ++i) clients.push_back(&w.connect());
    for (auto* c : clients) c->get();
    w.run(50ms);
    int refused = 0;
    for (auto* c : clients) refused += c->responses().size() == 1 && c->status() == 503;
    CHECK_CLEAN(w, refused == 2);
    w.tell_address(kHost, kAddress);
    w.run(50ms);
    int served = 0;
    for (auto* c : clients) served += c->status() == 200;
    CHECK_CLEAN(w, served == 3);
    settle(w);
  });
}

TEST_CASE("there are only so many hosts", "[sim]") {
  play_both({}, [](World& w, bool) {
    w.server();
    w.fill_names();
    auto& client = w.connect();
    client.get();
    w.run(50ms);
    CHECK_CLEAN(w, client.status() == 503);
    CHECK_CLEAN(w, w.asked()->names.empty());
    settle(w);
  });
}

TEST_CASE("a host's address changes", "[sim]") {
  play_both({}, [](World& w, bool) {
    auto& first = w.server();
    auto& second = w.server("10.0.1.2:80");
    auto& client = w.connect();
    client.get();
    w.run(50ms);
    w.tell_address(kHost, kAddress);
    w.run(50ms);
    CHECK_CLEAN(w, first.requests.size() == 1);
    for (auto& c : first.connections) c.peer.close();
    w.run(50ms);
    w.tell_address(kHost, "10.0.1.2:80");
    w.run(50ms);
    client.get();
    w.run(50ms);
    CHECK_CLEAN(w, second.requests.size() == 1);
    settle(w);
  });
}
