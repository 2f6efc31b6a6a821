// Active health checks in the worker's company: what becomes of requests, and of checks whose answers never come, come late,
// or come when nobody waits for them any more.
#include "unit/sim/scenario.h"
#include "unit/sim/tcp.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

/// Checks once in a hundred seconds, for the first time when the servers are there.
Setup checked(const std::string& how, const std::string& more = "") {
  Setup s;
  s.cluster =
      "common_lb_config: {healthy_panic_threshold: {value: 0}}, health_checks: [{timeout: 1s, interval: 100s, initial_jitter: "
      "0.001s, "
      "no_traffic_interval: 100s, unhealthy_threshold: 2, healthy_threshold: 1, " +
      more + how + "}],";
  return s;
}
const std::string kHttp = "http_health_check: {path: /health}";
const std::string kTcp = "tcp_health_check: {send: {text: '70696e67'}, receive: [{text: '706f6e67'}]}";

void answer_checks(Server& up, const std::string& status, const std::string& headers = "") {
  up.on_request = [=](auto& c, const Message& m) {
    if (m.path() == "/health")
      c.reply("", status, headers);
    else
      c.reply();
  };
}

const std::string kHealthy = "cluster.up.membership_healthy";

}  // namespace

TEST_CASE("requests go to a host while its checks pass", "[sim][health]") {
  play_all({checked(kHttp), [](World& w) {
              auto& up = w.server();
              answer_checks(up, "200 OK");
              w.run(1s);
              CHECK_CLEAN(w, w.stat(kHealthy) == 1);
              auto& client = w.connect();
              client.get();
              w.run(1s);
              CHECK_GENTLE(w, client.status() == 200);
              answer_checks(up, "500 Bad");
              w.run(100s);
              CHECK_CLEAN(w, w.stat(kHealthy) == 0);
              auto& later = w.connect();
              later.get();
              w.run(1s);
              CHECK_CLEAN(w, later.status() == 503);
              answer_checks(up, "200 OK");
              w.run(100s);
              CHECK_CLEAN(w, w.stat(kHealthy) == 1);
              CHECK_CLEAN(w, w.stat("cluster.up.health_check.attempt") == 3);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_cx_total") == 1);
            }});
}

TEST_CASE("a check that is not answered in time ends its connection, and the threshold holds", "[sim][health]") {
  play_all({checked(kHttp), [](World& w) {
              auto& up = w.server();
              answer_checks(up, "200 OK");
              w.run(1s);
              up.on_request = [](auto&, const Message&) {};
              w.run(101s);
              CHECK_CLEAN(w, w.stat("cluster.up.health_check.network_failure") == 1);
              CHECK_CLEAN(w, w.stat(kHealthy) == 1);
              CHECK_CLEAN(w, up.connections.at(0).peer.ended());
              w.run(101s);
              CHECK_CLEAN(w, w.stat(kHealthy) == 0);
              CHECK_CLEAN(w, w.stat("cluster.up.health_check.network_failure") == 2);
            }});
}

TEST_CASE("an answer that comes late is nobody's", "[sim][health]") {
  play_all({checked(kHttp), [](World& w) {
              auto& up = w.server();
              up.on_request = [&w](auto& c, const Message&) { w.after(1500ms, [&c] { c.reply(); }); };
              w.run(2s);
              CHECK_CLEAN(w, w.stat("cluster.up.health_check.success") == 0);
              CHECK_CLEAN(w, w.stat("cluster.up.health_check.failure") == 1);
              CHECK_CLEAN(w, w.stat(kHealthy) == 0);
            }});
}

TEST_CASE("the host that asked to be left alone gets nothing until a check passes", "[sim][health]") {
  play_all({checked(kHttp), [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message& m) {
                c.reply("", "200 OK", m.path() == "/health" ? "" : "x-envoy-immediate-health-check-fail: 1\r\n");
              };
              w.run(1s);
              auto& client = w.connect();
              client.get();
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 200);
              CHECK_CLEAN(w, w.stat(kHealthy) == 0);
              CHECK_CLEAN(w, w.stat("cluster.up.membership_excluded") == 1);
              CHECK_CLEAN(w, w.stat("cluster.up.health_check.passive_failure") == 1);
              w.run(100s);
              CHECK_CLEAN(w, w.stat(kHealthy) == 1);
              CHECK_CLEAN(w, w.stat("cluster.up.membership_excluded") == 0);
            }});
}

TEST_CASE("checks of connections send and wait for their answer", "[sim][health]") {
  play_all({checked(kTcp), [](World& w) {
              auto& up = tcp_server(w);
              up.on_raw = [](auto& c) {
                if (c.peer.in.size() - c.at < 4) return;
                c.at += 4;
                c.send("pong");
              };
              w.run(1s);
              CHECK_CLEAN(w, w.stat(kHealthy) == 1);
              w.run(100s);
              CHECK_CLEAN(w, w.stat("cluster.up.health_check.success") == 2);
              CHECK_CLEAN(w, up.connections.size() == 1);
              for (auto& c : up.connections) c.peer.close();  // between two checks: a failure, as in Envoy
              w.run(1s);
              CHECK_CLEAN(w, w.stat("cluster.up.health_check.network_failure") == 1);
              w.run(100s);
              CHECK_CLEAN(w, w.stat("cluster.up.health_check.success") == 3);
            }});
}

TEST_CASE("a host that says much and not what is waited for is bounded and fails", "[sim][health]") {
  play_all({checked(kTcp),
            [](World& w) {
              auto& up = tcp_server(w);
              up.on_raw = [](auto& c) {
                if (c.at != 0) return;
                c.at = c.peer.in.size();
                c.send(std::string(1 << 20, 'p'));
              };
              w.run(2s);
              CHECK(w.blocks_max * Buffer::kBlockBytes < 512 * 1024);
              CHECK_CLEAN(w, w.stat("cluster.up.health_check.network_failure") == 1);
            },
            true});
}

TEST_CASE("connections of checks are not used again when they must not be", "[sim][health]") {
  play_all({checked(kHttp, "reuse_connection: false, "), [](World& w) {
              auto& up = w.server();
              w.run(1s);
              w.run(100s);
              CHECK_CLEAN(w, w.stat("cluster.up.health_check.success") == 2);
              CHECK_CLEAN(w, up.connections.size() == 2);
              CHECK_CLEAN(w, up.connections.at(0).peer.ended());
            }});
}

TEST_CASE("checks of a host that is not there fail one after the other", "[sim][health]") {
  play_all({checked(kHttp), [](World& w) {
              w.network.target("10.0.1.1:80").answer = Target::refuse;
              w.run(101s);
              CHECK_CLEAN(w, w.stat("cluster.up.health_check.network_failure") == 2);
              CHECK_CLEAN(w, w.stat(kHealthy) == 0);
            }});
}

TEST_CASE("checks by gRPC whose host speaks something else end", "[sim][health]") {
  Setup s = checked("grpc_health_check: {}");
  s.cluster += kSpeaksHttp2;
  play_all({s, [](World& w) {
              auto& up = tcp_server(w);
              up.on_raw = [](auto& c) {
                if (std::exchange(c.at, c.peer.in.size()) == 0) c.send("HTTP/1.1 400 Bad\r\n\r\n");
              };
              w.run(2s);
              CHECK_CLEAN(w, w.stat("cluster.up.health_check.failure") == 1);
              CHECK_CLEAN(w, w.stat(kHealthy) == 0);
              w.shutdown();  // later checks would meet servers that know nothing of this one's answer
            }});
}
