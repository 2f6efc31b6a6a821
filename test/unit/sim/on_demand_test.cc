// Requests that are held until a cluster or a virtual host has come.
#include "unit/sim/tcp.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

const std::string kOnDemand =
    "{name: envoy.filters.http.on_demand, typed_config: {'@type': "
    "type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.OnDemand, odcds: {source: {ads: {}}}}},";

using Names = std::vector<std::string>;

/// Of one host that forwards to the cluster up, or of none. Others can be asked for.
std::shared_ptr<const route::RouteConfig> routes(World& w, const char* host) {
  auto r = std::make_shared<route::RouteConfig>();
  r->more_hosts = w.asked();
  if (host != nullptr) {
    auto v = std::make_unique<route::VirtualHost>();
    v->name = "v";
    v->domains = {host};
    auto& to = v->routes.emplace_back();
    to.match.path = "/";
    to.cluster = "up";
    to.vhost = v.get();
    r->vhosts.push_back(std::move(v));
  }
  REQUIRE(r->index().has_value());
  return r;
}

/// Whatever still waits, for some fault, goes on.
void settle(World& w) {
  for (int i = 0; i < 2; ++i) {
    const Names names = w.asked()->names;
    for (const auto& name : names) w.tell_host(name);
    w.show("up");
    w.run(1s);
  }
}

}  // namespace

TEST_CASE("requests wait for a cluster, with their bodies, and go on when it comes", "[sim]") {
  play_all({{.filters = kOnDemand}, [](World& w) {
              auto& up = w.server();
              w.hide("up");
              auto& one = w.connect();
              auto& two = w.connect();
              one.get();
              two.post(std::string(5000, 'b'));
              w.run(1s);
              CHECK_CLEAN(w, w.asked()->names == Names{"up"});
              CHECK_CLEAN(w, up.requests.empty());
              w.show("up");
              w.run(50ms);
              CHECK_CLEAN(w, one.status() == 200);
              CHECK_CLEAN(w, two.status() == 200);
              one.get();
              w.run(50ms);
              CHECK_CLEAN(w, w.asked()->names.size() == 1);
              CHECK_CLEAN(w, one.responses().size() == 2);
              settle(w);
            }});
}

TEST_CASE("a cluster that requests wait for is not there", "[sim]") {
  play_all({{.filters = kOnDemand}, [](World& w) {
              w.server();
              w.hide("up");
              auto& client = w.connect();
              client.post("body");
              w.run(50ms);
              w.deny("up");
              w.run(50ms);
              CHECK_CLEAN(w, client.status() == 503);
              CHECK_CLEAN(w, w.log().at(0).starts_with("503 NC cluster_not_found "));
              settle(w);
            }});
}

TEST_CASE("clients go while their requests wait", "[sim]") {
  play_all({{.hcm = "stream_idle_timeout: 5s, ", .filters = kOnDemand}, [](World& w) {
              w.server();
              w.hide("up");
              auto& goes = w.connect();
              auto& stays = w.connect();
              goes.get("/goes");
              stays.get("/stays");
              w.run(50ms);
              goes.peer.close();
              w.run(1s);
              CHECK_CLEAN(w, w.log().at(0).starts_with("0 DC downstream_remote_disconnect /goes"));
              w.run(10s);
              CHECK_CLEAN(w, stays.status() == 504);
              w.show("up");
              w.run(50ms);
              auto& later = w.connect();
              later.get();
              w.run(50ms);
              CHECK_CLEAN(w, later.status() == 200);
              settle(w);
            }});
}

TEST_CASE("requests wait for a virtual host, and take the routes that it brings", "[sim]") {
  play_all({{.filters = kOnDemand, .rds = true}, [](World& w) {
              w.server();
              w.set_routes(routes(w, nullptr));
              auto& one = w.connect();
              auto& two = w.connect();
              one.get("/", "x: y\r\n");
              two.post(std::string(5000, 'b'));
              w.run(1s);
              CHECK_CLEAN(w, w.asked()->names.size() == 1);
              const std::string host = w.asked()->names.empty() ? "" : w.asked()->names[0];
              w.set_routes(routes(w, host.empty() ? "none" : host.c_str()));
              w.tell_host(host);
              w.run(50ms);
              CHECK_CLEAN(w, one.status() == 200);
              CHECK_CLEAN(w, two.status() == 200);
              one.get();
              w.run(50ms);
              CHECK_CLEAN(w, one.responses().size() == 2);
              settle(w);
            }});
}

TEST_CASE("a virtual host comes and its cluster does later", "[sim]") {
  play_all({{.filters = kOnDemand, .rds = true}, [](World& w) {
              w.server();
              w.hide("up");
              w.set_routes(routes(w, nullptr));
              auto& client = w.connect();
              client.post("body");
              w.run(50ms);
              const std::string host = w.asked()->names.empty() ? "none" : w.asked()->names[0];
              w.set_routes(routes(w, host.c_str()));
              w.tell_host(host);
              w.run(50ms);
              CHECK_CLEAN(w, w.asked()->names == Names{host, "up"});
              w.show("up");
              w.run(50ms);
              CHECK_CLEAN(w, client.status() == 200);
              settle(w);
            }});
}

TEST_CASE("a virtual host that requests wait for is not there, and one request asks once", "[sim]") {
  play_all({{.filters = kOnDemand, .rds = true}, [](World& w) {
              w.set_routes(routes(w, "other"));
              auto& client = w.connect();
              client.get();
              w.run(50ms);
              const std::string host = w.asked()->names.empty() ? "" : w.asked()->names[0];
              w.tell_host(host);
              w.run(50ms);
              CHECK_CLEAN(w, w.asked()->names.size() == 1);
              CHECK_CLEAN(w, client.status() == 404);
              CHECK_CLEAN(w, w.log().at(0).starts_with("404 NR route_not_found "));
              settle(w);
            }});
}

namespace {
const Setup kTcpOnDemand{.tcp = "cluster: up, idle_timeout: 5s, on_demand: {odcds_config: {ads: {}}},"};
}

TEST_CASE("raw connections wait for a cluster, and go on when it comes", "[sim]") {
  play_all({kTcpOnDemand, [](World& w) {
              tcp_server(w);
              w.hide("up");
              auto& one = tcp_client(w);
              auto& two = tcp_client(w);
              one.send("one");
              two.send("two");
              w.run(1s);
              CHECK_CLEAN(w, w.asked()->names == Names{"up"});
              CHECK_CLEAN(w, w.stat("tcp.in.on_demand_cluster_attempt") == 2);
              w.show("up");
              w.run(50ms);
              CHECK_CLEAN(w, one.peer.in == "one");
              CHECK_CLEAN(w, two.peer.in == "two");
              CHECK_CLEAN(w, w.stat("tcp.in.on_demand_cluster_success") == 2);
              settle(w);
            }});
}

TEST_CASE("a cluster that raw connections wait for is not there", "[sim]") {
  play_all({kTcpOnDemand, [](World& w) {
              tcp_server(w);
              w.hide("up");
              auto& client = tcp_client(w);
              client.send("hello");
              w.run(50ms);
              w.deny("up");
              w.run(50ms);
              CHECK_CLEAN(w, client.ended());
              CHECK_CLEAN(w, w.stat("tcp.in.on_demand_cluster_missing") == 1);
              CHECK_CLEAN(w, w.stat("tcp.in.downstream_cx_no_route") == 1);
              settle(w);
            }});
}

TEST_CASE("raw connections end while they wait", "[sim]") {
  play_all({kTcpOnDemand, [](World& w) {
              tcp_server(w);
              w.hide("up");
              auto& resets = tcp_client(w);
              auto& stays = tcp_client(w);
              stays.send("hello");
              resets.send("x");
              w.run(50ms);
              resets.peer.abort();
              w.run(10s);
              CHECK_CLEAN(w, stays.ended());
              w.show("up");
              w.run(50ms);
              CHECK_CLEAN(w, w.stat("tcp.in.on_demand_cluster_success") == 0);
              settle(w);
            }});
}
