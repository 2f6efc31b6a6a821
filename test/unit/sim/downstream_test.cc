// What clients do, and how connections to them end: gone at every moment, too many requests, drain, lingering
// closes, 100-continue, faults.
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

std::string fault(const std::string& text) {
  return "{name: fault, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, " + text +
         "}},";
}

}  // namespace

TEST_CASE("the client goes", "[sim]") {
  const bool reset = GENERATE(false, true);
  const auto leave = [reset](Client& c) { reset ? c.peer.abort() : c.peer.close(); };
  SECTION("before it sends anything") {
    play_all({{}, [&](World& w) {
                auto& client = w.connect();
                w.run(5ms);
                leave(client);
                w.run(5ms);
                CHECK(w.stat("http.in.downstream_cx_active") == 0);
                CHECK_CLEAN(w, w.stat("http.in.downstream_cx_destroy_remote") == 1);
              }});
  }
  SECTION("in the head") {
    play_all({{}, [&](World& w) {
                auto& client = w.connect();
                client.send("GET / HTTP/1.1\r\nho");
                w.run(5ms);
                leave(client);
                w.run(5ms);
                CHECK_GENTLE(w, w.stat("http.in.downstream_cx_active") == 0);
                CHECK_CLEAN(w, w.stat("http.in.downstream_rq_rx_reset") == 1);
              }});
  }
  SECTION("in the body") {
    play_all({{}, [&](World& w) {
                auto& up = w.server();
                auto& client = w.connect();
                client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nabc");
                w.run(5ms);
                leave(client);
                w.run(20ms);
                CHECK_GENTLE(w, w.stat("cluster.up.upstream_cx_active") == 0);
                for (auto& c : up.connections) CHECK_GENTLE(w, c.peer.ended());
                CHECK_CLEAN(w, w.stat("http.in.downstream_cx_destroy_remote_active_rq") == 1);
                CHECK_CLEAN(w, w.stat("http.in.downstream_cx_destroy_local") == 0);
              }});
  }
  SECTION("before the answer") {
    play_all({{}, [&](World& w) {
                auto& up = w.server();
                up.on_request = [](auto&, const Message&) {};
                auto& client = w.connect();
                client.get();
                w.run(5ms);
                leave(client);
                w.run(20ms);
                CHECK_GENTLE(w, w.stat("cluster.up.upstream_cx_active") == 0);
                CHECK_CLEAN(w, w.log().at(0) == "0 DC downstream_remote_disconnect /");
              }});
  }
  SECTION("in the answer") {
    play_all({{}, [&](World& w) {
                auto& up = w.server();
                up.on_request = [](auto& c, const Message&) { c.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"); };
                auto& client = w.connect();
                client.get();
                w.run(5ms);
                leave(client);
                w.run(20ms);
                CHECK_GENTLE(w, w.stat("cluster.up.upstream_cx_active") == 0);
                CHECK_CLEAN(w, w.log().at(0) == "200 DC downstream_remote_disconnect /");
              }});
  }
  SECTION("while it is not read from") {
    play_all({{.listener = "per_connection_buffer_limit_bytes: 4096,", .cluster = "per_connection_buffer_limit_bytes: 4096,"},
              [&](World& w) {
                w.network.window = 4096;
                auto& up = w.server();
                up.on_accept = [](auto& c) { c.peer.pause(); };
                auto& client = w.connect();
                client.post(std::string(100'000, 'x'));
                w.run(5ms);
                leave(client);
                w.run(600s);  // found when the stream is given up at the latest
                CHECK(w.stat("http.in.downstream_rq_active") == 0);
              },
              true});
  }
}

TEST_CASE("only so many requests per connection", "[sim]") {
  play_all({{.hcm = "common_http_protocol_options: {max_requests_per_connection: 2},"}, [](World& w) {
              w.server();
              auto& client = w.connect();
              client.send(
                  "GET /1 HTTP/1.1\r\nhost: h\r\n\r\nGET /2 HTTP/1.1\r\nhost: h\r\n\r\nGET /3 HTTP/1.1\r\nhost: h\r\n\r\n");
              w.run(2s);
              CHECK_GENTLE(w, client.responses().size() == 2);
              CHECK_GENTLE(w, client.responses().at(1).get("connection") == "close");
              CHECK_GENTLE(w, client.ended());
            }});
}

TEST_CASE("drain closes idle connections at once and busy ones after their answer", "[sim]") {
  play_all({{}, [](World& w) {
              auto& up = w.server();
              up.on_request = [&w](auto& c, const Message&) { w.after(100ms, [&c] { c.reply(); }); };
              auto& idle = w.connect();
              auto& busy = w.connect();
              busy.get();
              w.run(10ms);
              w.drain(false);
              w.run(10ms);
              CHECK_GENTLE(w, idle.ended());
              w.run(2s);
              CHECK_GENTLE(w, busy.status() == 200);
              CHECK_GENTLE(w, busy.responses().at(0).get("connection") == "close");
              CHECK_GENTLE(w, busy.ended());
            }});
}

TEST_CASE("an answer to a client that still sends arrives before the close", "[sim]") {
  play_all({{.routes = "{match: {prefix: /}, direct_response: {status: 403, body: {inline_string: nothing}}}"}, [](World& w) {
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100000\r\n\r\nabc");
              w.run(5ms);
              CHECK_GENTLE(w, client.status() == 403);
              client.send(std::string(1000, 'x'));
              w.run(500ms);
              CHECK_CLEAN(w, !client.ended());
              w.run(600ms);
              CHECK_GENTLE(w, client.ended());
              CHECK_CLEAN(w, w.stat("http.in.downstream_cx_delayed_close_timeout") == 1);
            }});
}

TEST_CASE("a client that closes while the proxy lingers is gone at once", "[sim]") {
  play_all({{.routes = "{match: {prefix: /}, direct_response: {status: 403, body: {inline_string: nothing}}}"}, [](World& w) {
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100000\r\n\r\nabc");
              w.run(5ms);
              CHECK_GENTLE(w, client.status() == 403);
              client.peer.close();
              w.run(100ms);
              CHECK_GENTLE(w, w.stat("http.in.downstream_cx_active") == 0);
              CHECK_CLEAN(w, w.stat("http.in.downstream_cx_delayed_close_timeout") == 0);
            }});
}

TEST_CASE("without lingering a slow client gets its answer and then the close", "[sim]") {
  play_all(
      {{.routes = "{match: {prefix: /}, direct_response: {status: 403, body: {inline_string: '" + std::string(4000, 'x') + "'}}}",
        .hcm = "delayed_close_timeout: 0s,"},
       [](World& w) {
         w.network.window = 1000;
         auto& client = w.connect();
         client.peer.pause();
         client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100000\r\n\r\nabc");
         w.run(2s);
         CHECK_GENTLE(w, !client.ended());
         client.peer.resume();
         w.run(100ms);
         CHECK_GENTLE(w, client.status() == 403);
         CHECK_GENTLE(w, client.ended());
       }});
}

TEST_CASE("a client that does not read its last answer is left after a while", "[sim]") {
  play_all({{.routes =
                 "{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: '" + std::string(4000, 'x') + "'}}}"},
            [](World& w) {
              w.network.window = 1000;
              auto& client = w.connect();
              client.peer.pause();
              client.get("/", "connection: close\r\n");
              w.run(900ms);
              CHECK_GENTLE(w, !client.ended());
              w.run(10s);
              CHECK(w.stat("http.in.downstream_cx_active") == 0);
            }});
}

TEST_CASE("a request that is no HTTP gets its answer and the close", "[sim]") {
  play_all({{}, [](World& w) {
              w.server();
              auto& client = w.connect();
              client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\nnonsense\r\n\r\n");
              w.run(2s);
              CHECK_GENTLE(w, client.responses().size() == 2);
              CHECK_GENTLE(w, client.responses().at(1).status() == 400);
              CHECK_GENTLE(w, client.ended());
            }});
}

TEST_CASE("a body that is no HTTP ends the request on both sides", "[sim]") {
  play_all({{}, [](World& w) {
              auto& up = w.server();
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n");
              w.run(2s);
              CHECK_GENTLE(w, client.status() == 400);
              CHECK_GENTLE(w, client.ended());
              CHECK(up.requests.empty());
              CHECK(w.stat("cluster.up.upstream_rq_active") == 0);
            }});
}

TEST_CASE("100-continue is answered here, or passed on", "[sim]") {
  const bool pass_on = GENERATE(false, true);
  play_all({{.hcm = pass_on ? "proxy_100_continue: true," : ""}, [pass_on](World& w) {
              auto& up = w.server();
              up.on_head = [pass_on](auto& c, const Message& m) {
                CHECK(m.has("expect") == pass_on);
                if (pass_on) c.send("HTTP/1.1 100 Continue\r\n\r\n");
              };
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n");
              w.run(50ms);
              CHECK_GENTLE(w, client.status() == 100);
              client.send("abc");
              w.run(50ms);
              CHECK_GENTLE(w, client.responses().size() == 2);
              CHECK_GENTLE(w, client.responses().at(1).status() == 200);
            }});
}

TEST_CASE("a delayed request waits its time, then goes on with its body", "[sim]") {
  play_all({{.filters = fault("delay: {fixed_delay: 1s, percentage: {numerator: 100}}")}, [](World& w) {
              auto& up = w.server();
              auto& client = w.connect();
              client.post("hello");
              w.run(990ms);
              CHECK(up.requests.empty());
              CHECK_GENTLE(w, w.stat("http.in.fault.active_faults") == 1);
              w.run(30ms);
              CHECK_GENTLE(w, client.status() == 200);
              CHECK_GENTLE(w, up.requests.at(0).body == "hello");
            }});
}

TEST_CASE("the client goes while its request is delayed", "[sim]") {
  play_all({{.filters = fault("delay: {fixed_delay: 10s, percentage: {numerator: 100}}")}, [](World& w) {
              auto& up = w.server();
              auto& client = w.connect();
              client.post("hello");
              w.run(1s);
              client.peer.close();
              w.run(1s);
              CHECK(w.stat("http.in.fault.active_faults") == 0);
              w.run(20s);
              CHECK(up.requests.empty());
            }});
}

TEST_CASE("an answer at a limited rate", "[sim]") {
  play_all({{.filters = fault("response_rate_limit: {fixed_limit: {limit_kbps: 10}, percentage: {numerator: 100}}"),
             .listener = "per_connection_buffer_limit_bytes: 4096,",
             .cluster = "per_connection_buffer_limit_bytes: 4096,"},
            [](World& w) {
              w.network.window = 2048;
              auto& up = w.server();
              up.on_request = [](auto& c, const Message&) { c.reply(std::string(20'000, 'x')); };
              auto& client = w.connect();
              client.get();
              w.run(1s);
              CHECK(client.peer.in.size() < 12'000);
              w.run(2s);
              CHECK_GENTLE(w, client.status() == 200);
            },
            true});
}

TEST_CASE("an aborted request", "[sim]") {
  play_all({{.filters = fault("abort: {http_status: 418, percentage: {numerator: 100}}")}, [](World& w) {
              auto& client = w.connect();
              for (int i = 0; i < 2; ++i) {
                client.post("hello");
                w.run(50ms);
              }
              CHECK_CLEAN(w, client.status() == 418);
            }});
}
