// Listener filters: what is looked at is still there for whoever serves the connection; waiting ones hold nothing.
#include "support/hello.h"
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

std::string filter(const std::string& name, const std::string& type, const std::string& more = "") {
  return "{name: " + name + ", typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.listener." + name + ".v3." +
         type + more + "}},";
}
const std::string kTls = filter("tls_inspector", "TlsInspector"), kHttp = filter("http_inspector", "HttpInspector"),
                  kProxy = filter("proxy_protocol", "ProxyProtocol");

Setup with(const std::string& filters, const std::string& more = "") {
  Setup s;
  s.listener = "listener_filters: [" + filters + "]," + more;
  return s;
}

}  // namespace

TEST_CASE("a request behind inspectors is served as if nobody had looked at it", "[sim]") {
  play_all({with(kTls + kHttp), [](World& w) {
              auto& up = w.server();
              auto& client = w.connect();
              client.post("a body of some bytes");
              w.run(100ms);
              CHECK_GENTLE(w, client.status() == 200);
              if (!up.requests.empty()) CHECK(up.requests[0].body == "a body of some bytes");
            }});
}

TEST_CASE("a PROXY header is taken off and believed", "[sim]") {
  Setup s = with(kProxy, "");
  s.hcm = "use_remote_address: true,";
  play_all({s, [](World& w) {
              auto& up = w.server();
              auto& client = w.connect();
              client.send("PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\n");
              client.get("/");
              w.run(100ms);
              CHECK_GENTLE(w, client.status() == 200);
              for (const auto& r : up.requests) CHECK(r.get("x-forwarded-for") == "1.2.3.4");
            }});
}

TEST_CASE("what is no PROXY header closes the connection", "[sim]") {
  play_all({with(kProxy), [](World& w) {
              auto& client = w.connect();
              client.raw = true;
              client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n");
              w.run(100ms);
              CHECK(client.ended());
              CHECK(client.peer.in.empty());
              CHECK_CLEAN(w, w.stat("proxy_proto.not_found_disallowed") == 1);
            }});
}

TEST_CASE("a connection that waits for its filters holds no block, and ends with its time", "[sim]") {
  play_all({with(kTls, "listener_filters_timeout: 1s,"), [](World& w) {
              auto& client = w.connect();
              client.raw = true;
              const std::size_t before = Buffer::blocks_in_use();
              client.send(test::hello().substr(0, 50));
              w.run(900ms);
              CHECK(Buffer::blocks_in_use() == before);
              CHECK_CLEAN(w, !client.ended());
              CHECK_CLEAN(w, w.stat("listener.10.0.0.1_80.downstream_pre_cx_active") == 1);
              w.run(200ms);
              CHECK(client.ended());
              CHECK(w.stat("listener.10.0.0.1_80.downstream_pre_cx_active") == 0);
              CHECK_CLEAN(w, w.stat("listener.10.0.0.1_80.downstream_pre_cx_timeout") == 1);
            }});
}

TEST_CASE("filters that may time out let the connection go on", "[sim]") {
  play_all({with(kHttp, "listener_filters_timeout: 0.1s, continue_on_listener_filters_timeout: true,"), [](World& w) {
              w.server();
              auto& client = w.connect();
              client.send("GET / HTT");
              w.run(150ms);
              client.send("P/1.1\r\nhost: h\r\n\r\n");
              w.run(100ms);
              CHECK_GENTLE(w, client.status() == 200);
            }});
}

TEST_CASE("a client that goes while filters wait is gone", "[sim]") {
  for (const bool reset : {false, true})
    play_all({with(kTls + kHttp), [reset](World& w) {
                auto& client = w.connect();
                client.raw = true;
                client.send(test::hello().substr(0, 50));
                w.run(10ms);
                if (reset)
                  client.peer.abort();
                else
                  client.peer.finish();
                w.run(100ms);
                CHECK(client.ended());
                CHECK(w.stat("listener.10.0.0.1_80.downstream_pre_cx_active") == 0);
              }});
}

TEST_CASE("a ClientHello in many pieces finds its chain", "[sim]") {
  Setup s = with(kTls);
  s.tcp = "cluster: up,";
  play_all({s, [](World& w) {
              auto& up = w.server();
              up.on_accept = [](auto& c) { c.raw = true; };
              auto& client = w.connect();
              client.raw = true;
              const std::string bytes = test::hello("a.example");
              for (std::size_t at = 0; at < bytes.size(); at += 20) {
                client.send(bytes.substr(at, 20));
                w.run(1ms);
              }
              w.run(100ms);
              CHECK_GENTLE(w, w.stat("tls_inspector.tls_found") == 1);
              CHECK_GENTLE(w, (up.connections.size() == 1 && up.connections[0].peer.in == bytes));
            }});
}
