// Bytes both ways: upgrades, CONNECT, tcp_proxy; half-close, slow sides, ends at every moment.
#include "unit/sim/tcp.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

const Setup kUpgrade{.hcm = "upgrade_configs: [{upgrade_type: websocket}],"};
const std::string kAsk = "GET /chat HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
const std::string kYes = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
const Setup kTcp{.tcp = "cluster: up,"};

/// Echoes in upper case once the upgrade is asked for.
Server& chat_server(World& w) {
  auto& up = w.server();
  up.on_request = [](auto& c, const Message&) {
    c.raw = true;
    c.send(kYes);
  };
  up.on_raw = [](auto& c) {
    std::string s = c.peer.in.substr(c.at);
    c.at = c.peer.in.size();
    for (char& ch : s) ch = static_cast<char>(std::toupper(ch));
    c.send(s);
  };
  return up;
}

}  // namespace

TEST_CASE("an upgrade carries bytes both ways until the client closes", "[sim]") {
  play_all({kUpgrade, [](World& w) {
              chat_server(w);
              auto& client = w.connect();
              client.raw = true;
              client.send(kAsk + "early ");
              w.run(50ms);
              client.send("late");
              w.run(50ms);
              CHECK_GENTLE(w, client.status() == 101);
              CHECK_GENTLE(w, client.rest_bytes() == "EARLY LATE");
              CHECK_CLEAN(w, w.stat("http.in.downstream_cx_upgrades_active") == 1);
              client.peer.close();
              w.run(50ms);
              CHECK_GENTLE(w, w.stat("http.in.downstream_cx_active") == 0);
              CHECK_GENTLE(w, w.stat("cluster.up.upstream_cx_active") == 0);
            }});
}

TEST_CASE("an upgrade ends when the upstream closes, and all it sent arrives", "[sim]") {
  const bool reset = GENERATE(false, true);
  play_all({kUpgrade, [reset](World& w) {
              auto& up = chat_server(w);
              auto& client = w.connect();
              client.raw = true;
              client.send(kAsk);
              w.run(50ms);
              for (auto& c : up.connections) {
                c.send("bye");
                if (!reset) c.peer.close();
              }
              w.run(50ms);
              for (auto& c : up.connections) c.peer.abort();
              w.run(2s);
              CHECK_GENTLE(w, client.rest_bytes() == "bye");
              CHECK_GENTLE(w, client.ended());
            }});
}

TEST_CASE("an upgrade that is refused is a plain answer", "[sim]") {
  play_all({kUpgrade, [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message&) { c.reply("no", "403 Forbidden"); };
              auto& client = w.connect();
              client.send(kAsk);
              w.run(50ms);
              CHECK_GENTLE(w, client.status() == 403);
              w.run(5s);
              CHECK_GENTLE(w, client.ended());
            }});
}

TEST_CASE("a tunnel to a slow side stops the other", "[sim]") {
  play_all({{.hcm = kUpgrade.hcm, .listener = kLimits, .cluster = kLimits},
            [](World& w) {
              auto& up = chat_server(w);
              auto& client = w.connect();
              client.raw = true;
              client.send(kAsk);
              w.run(50ms);
              for (auto& c : up.connections) c.peer.pause();
              const std::string big(1'000'000, 'x');
              client.send(big);
              w.run(500ms);
              CHECK(w.blocks_max <= kBlocks);
              CHECK_GENTLE(w, client.peer.unread() > big.size() / 2);
              client.peer.pause();
              for (auto& c : up.connections) c.peer.resume();
              w.run(500ms);
              CHECK(w.blocks_max <= 2 * kBlocks);
              client.peer.resume();
              w.run(500ms);
              CHECK_GENTLE(w, client.rest_bytes() == std::string(1'000'000, 'X'));
              client.peer.close();
            },
            true});
}

TEST_CASE("CONNECT makes a tunnel", "[sim]") {
  const Setup setup{.routes =
                        "{match: {connect_matcher: {}}, route: {cluster: up, upgrade_configs: [{upgrade_type: CONNECT, "
                        "connect_config: {}}]}}",
                    .hcm = "upgrade_configs: [{upgrade_type: CONNECT}],"};
  play_all({setup, [](World& w) {
              auto& up = w.server();
              up.on_accept = [](auto& c) { c.raw = true; };
              up.on_raw = [](auto& c) {
                c.send("<" + c.peer.in.substr(c.at) + ">");
                c.at = c.peer.in.size();
              };
              auto& client = w.connect();
              client.raw = true;
              client.send("CONNECT other:443 HTTP/1.1\r\nhost: other:443\r\n\r\n");
              w.run(50ms);
              client.send("hello");
              w.run(50ms);
              client.peer.close();
            }});
}

TEST_CASE("tcp_proxy carries bytes both ways, half-closed or not", "[sim]") {
  play_all({kTcp, [](World& w) {
              auto& up = tcp_server(w);
              up.on_end = [](auto&) {};
              auto& client = tcp_client(w);
              client.peer.on_end = nullptr;
              client.send("hello ");
              w.run(50ms);
              client.send("world");
              client.peer.finish();
              w.run(50ms);
              CHECK_GENTLE(w, client.peer.in == "hello world");
              for (auto& c : up.connections) CHECK_GENTLE(w, c.peer.fin);
              for (auto& c : up.connections) c.send(" and more");
              w.run(50ms);
              CHECK_GENTLE(w, client.peer.in == "hello world and more");
              CHECK_GENTLE(w, !client.ended());
              for (auto& c : up.connections) c.peer.finish();
              w.run(50ms);
              CHECK_GENTLE(w, client.peer.fin);
              CHECK_GENTLE(w, w.stat("listener.10.0.0.1_80.downstream_cx_active") == 0);
            }});
}

TEST_CASE("tcp_proxy passes on the upstream's end first", "[sim]") {
  play_all({kTcp, [](World& w) {
              auto& up = tcp_server(w);
              up.on_end = [](auto&) {};
              up.on_raw = [](auto& c) {
                c.send("bye");
                c.peer.finish();
              };
              auto& client = tcp_client(w);
              client.peer.on_end = nullptr;
              client.send("a");
              w.run(50ms);
              CHECK_GENTLE(w, client.peer.in == "bye");
              CHECK_GENTLE(w, client.peer.fin);
              client.send("still here");
              w.run(50ms);
              for (auto& c : up.connections) CHECK_GENTLE(w, c.peer.in == "astill here");
              client.peer.finish();
              w.run(50ms);
              CHECK_GENTLE(w, w.stat("cluster.up.upstream_cx_active") == 0);
            }});
}

TEST_CASE("tcp_proxy passes on resets", "[sim]") {
  const bool by_client = GENERATE(true, false);
  play_all({kTcp, [by_client](World& w) {
              auto& up = tcp_server(w);
              auto& client = tcp_client(w);
              client.send("hello");
              w.run(50ms);
              if (by_client) {
                client.peer.abort();
              } else {
                for (auto& c : up.connections) c.peer.abort();
              }
              w.run(50ms);
              CHECK_GENTLE(w, w.stat("listener.10.0.0.1_80.downstream_cx_active") == 0);
              for (auto& c : up.connections) CHECK_GENTLE(w, c.peer.ended());
              CHECK_GENTLE(w, client.ended());
            }});
}

TEST_CASE("tcp_proxy tries another host", "[sim]") {
  play_all({{.cluster = "connect_timeout: 0.2s,", .tcp = "cluster: up, max_connect_attempts: 3,", .hosts = 2}, [](World& w) {
              w.network.target("10.0.1.1:80").answer = Target::silence;
              tcp_server(w, "10.0.1.2:80");
              auto& client = tcp_client(w);
              client.send("hello");
              w.run(1s);
              CHECK_GENTLE(w, client.peer.in == "hello");
              client.peer.close();
            }});
}

TEST_CASE("tcp_proxy gives up after its attempts", "[sim]") {
  play_all({{.cluster = "connect_timeout: 0.2s,", .tcp = "cluster: up, max_connect_attempts: 3,"}, [](World& w) {
              w.network.target("10.0.1.1:80").answer = Target::silence;
              auto& client = tcp_client(w);
              client.send("hello");
              w.run(590ms);
              CHECK_CLEAN(w, !client.ended());
              w.run(20ms);
              CHECK_CLEAN(w, client.ended());
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_cx_connect_attempts_exceeded") == 1);
            }});
}

TEST_CASE("tcp_proxy: the client goes before the upstream is connected", "[sim]") {
  const bool reset = GENERATE(false, true);
  play_all({kTcp, [reset](World& w) {
              auto& up = tcp_server(w);
              up.target.delay = 100ms;
              auto& client = tcp_client(w);
              client.send("hello");
              w.run(10ms);
              reset ? client.peer.abort() : client.peer.close();
              w.run(10s);
              CHECK(w.stat("cluster.up.upstream_rq_pending_active") == 0);
            }});
}

TEST_CASE("tcp_proxy to slow sides holds no more than the limit", "[sim]") {
  play_all({{.listener = kLimits, .cluster = kLimits, .tcp = "cluster: up,"},
            [](World& w) {
              auto& up = tcp_server(w);
              up.on_accept = [](auto& c) {
                c.raw = true;
                c.peer.pause();
              };
              auto& client = tcp_client(w);
              const std::string big(1'000'000, 'x');
              client.send(big);
              w.run(500ms);
              CHECK(w.blocks_max <= kBlocks);
              CHECK_GENTLE(w, client.peer.unread() > big.size() / 2);
              client.peer.pause();
              for (auto& c : up.connections) c.peer.resume();
              w.run(500ms);
              CHECK(w.blocks_max <= 2 * kBlocks);
              client.peer.resume();
              w.run(500ms);
              CHECK_GENTLE(w, client.peer.in == big);
              client.peer.close();
            },
            true});
}

TEST_CASE("tcp_proxy: an idle connection and a too old one are closed", "[sim]") {
  const bool idle = GENERATE(true, false);
  const std::string limit = idle ? "idle_timeout: 2s," : "max_downstream_connection_duration: 2s,";
  play_all({{.tcp = "cluster: up," + limit}, [idle](World& w) {
              tcp_server(w);
              auto& client = tcp_client(w);
              client.send("hello");
              w.run(1s);
              if (idle) client.send("again");
              w.run(idle ? 1980ms : 980ms);
              CHECK_CLEAN(w, !client.ended());
              w.run(40ms);
              CHECK_CLEAN(w, client.ended());
            }});
}
