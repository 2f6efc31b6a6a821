// tcp_proxy through an HTTP proxy (tunneling_config): HTTP/1 with a proxy of the test, HTTP/2 with a second hop of ours.
#include "unit/sim/tcp.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

const std::string kTunnel = "cluster: up, tunneling_config: {hostname: 'a:1'},";

Setup over_http2(const std::string& more = "", const std::string& limits = "") {
  return {.hcm = "",
          .listener = limits,
          .cluster = limits,
          .tcp = kTunnel + more,
          .hop = Setup::http2,
          .hop_hcm = "upgrade_configs: [{upgrade_type: CONNECT}], http2_protocol_options: {allow_connect: true},",
          .hop_routes =
              "{match: {connect_matcher: {}}, route: {cluster: origin, upgrade_configs: [{upgrade_type: CONNECT, "
              "connect_config: {}}]}}"};
}

/// What a proxy of the test answers to CONNECT; then it echoes.
Server& proxy(World& w, const std::string& answer) {
  auto& up = w.server();
  up.on_request = [answer](auto& c, const Message&) {
    c.raw = true;
    c.send(answer);
  };
  echo(up);
  return up;
}

}  // namespace

TEST_CASE("a tunnel over HTTP/1 carries bytes both ways", "[sim]") {
  play_all({{.tcp = kTunnel}, [](World& w) {
              proxy(w, "HTTP/1.1 200 OK\r\n\r\nfirst ");
              auto& client = tcp_client(w);
              client.send("hello ");
              w.run(50ms);
              client.send("world");
              w.run(50ms);
              CHECK_GENTLE(w, client.peer.in == "first hello world");
              client.peer.close();
              w.run(50ms);
              CHECK_GENTLE(w, w.stat("cluster.up.upstream_cx_active") == 0);
            }});
}

TEST_CASE("a tunnel over HTTP/1 that the proxy refuses is asked for again", "[sim]") {
  play_all({{.tcp = kTunnel + "max_connect_attempts: 2,"}, [](World& w) {
              proxy(w, "HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nno");
              auto& client = tcp_client(w);
              client.send("hello");
              w.run(2s);
              CHECK_GENTLE(w, client.peer.in.empty());
              CHECK_GENTLE(w, client.ended());
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_rq_total") == 2);
            }});
}

TEST_CASE("a tunnel over HTTP/1 ends with the proxy's connection, and all it sent arrives", "[sim]") {
  const bool reset = GENERATE(false, true);
  play_all({{.tcp = kTunnel}, [reset](World& w) {
              auto& up = proxy(w, "HTTP/1.1 200 OK\r\n\r\n");
              auto& client = tcp_client(w);
              client.send("hello");
              w.run(50ms);
              for (auto& c : up.connections) {
                c.send(" bye");
                if (!reset) c.peer.close();
              }
              w.run(50ms);
              for (auto& c : up.connections) c.peer.abort();
              w.run(2s);
              CHECK_GENTLE(w, client.peer.in == "hello bye");
              CHECK_GENTLE(w, client.ended());
            }});
}

TEST_CASE("a tunnel over HTTP/2 carries bytes both ways, half-closed or not", "[sim]") {
  play_all({over_http2(), [](World& w) {
              auto& up = tcp_server(w);
              up.on_end = [](auto&) {};
              auto& client = tcp_client(w);
              client.peer.on_end = nullptr;
              client.send("hello ");
              w.run(100ms);
              client.send("world");
              client.peer.finish();
              w.run(100ms);
              CHECK_GENTLE(w, client.peer.in == "hello world");
              for (auto& c : up.connections) CHECK_GENTLE(w, c.peer.fin);
              for (auto& c : up.connections) c.send(" and more");
              w.run(100ms);
              CHECK_GENTLE(w, client.peer.in == "hello world and more");
              for (auto& c : up.connections) c.peer.finish();
              w.run(100ms);
              CHECK_GENTLE(w, client.peer.fin);
              CHECK_GENTLE(w, w.stat("listener.10.0.0.1_80.downstream_cx_active") == 0);
              CHECK_GENTLE(w, w.stat("cluster.up.upstream_rq_active") == 0);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_rq_tx_reset") == 0);
            }});
}

TEST_CASE("tunnels over HTTP/2 share a connection", "[sim]") {
  play_all({over_http2(), [](World& w) {
              tcp_server(w);
              auto& a = tcp_client(w);
              a.send("one");
              w.run(100ms);
              auto& b = tcp_client(w);
              b.send("two");
              w.run(100ms);
              CHECK_GENTLE(w, a.peer.in == "one");
              CHECK_GENTLE(w, b.peer.in == "two");
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_cx_total") == 1);
              a.peer.abort();
              w.run(100ms);
              b.send("!");
              w.run(100ms);
              CHECK_GENTLE(w, b.peer.in == "two!");
              b.peer.close();
            }});
}

TEST_CASE("a tunnel to slow sides holds no more than the limit", "[sim]") {
  const bool h2 = GENERATE(true, false);
  const Setup h1{.listener = kLimits, .cluster = kLimits, .tcp = kTunnel};
  play_all({h2 ? over_http2("", kLimits) : h1,
            [h2](World& w) {
              auto& up = h2 ? tcp_server(w) : proxy(w, "HTTP/1.1 200 OK\r\n\r\n");
              auto& client = tcp_client(w);
              client.send("a");
              w.run(100ms);
              for (auto& c : up.connections) c.peer.pause();
              const std::string big(1'000'000, 'x');
              client.send(big);
              w.run(500ms);
              if (!h2) CHECK(w.blocks_max <= kBlocks);
              CHECK_GENTLE(w, (h2 || client.peer.unread() > big.size() / 2));
              client.peer.pause();
              for (auto& c : up.connections) c.peer.resume();
              w.run(500ms);
              if (!h2) CHECK(w.blocks_max <= 3 * kBlocks);
              client.peer.resume();
              w.run(1s);
              CHECK_GENTLE(w, client.peer.in == "a" + big);
              client.peer.close();
            },
            true});
}

TEST_CASE("a tunnel that is idle before and after the proxy's answer is closed", "[sim]") {
  const bool answered = GENERATE(true, false);
  play_all({{.tcp = kTunnel + "idle_timeout: 1s,"}, [answered](World& w) {
              auto& up = proxy(w, "HTTP/1.1 200 OK\r\n\r\n");
              if (!answered) up.on_request = [](auto&, const Message&) {};
              auto& client = tcp_client(w);
              w.run(980ms);
              CHECK_CLEAN(w, !client.ended());
              w.run(60ms);
              CHECK_CLEAN(w, client.ended());
              CHECK_GENTLE(w, w.stat("cluster.up.upstream_cx_active") == 0);
            }});
}
