// Every clock of a request and of a connection: nothing a millisecond before, the answer right after.
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

/// An upstream that answers after `wait`.
Server& late_server(World& w, Duration wait) {
  auto& up = w.server();
  up.on_request = [&w, wait](auto& c, const Message&) { w.after(wait, [&c] { c.reply(); }); };
  return up;
}

}  // namespace

TEST_CASE("an answer a millisecond before the route's timeout is in time", "[sim]") {
  play_all({{.routes = up_route("timeout: 1s")}, [](World& w) {
              late_server(w, 999ms);
              auto& client = w.connect();
              client.get();
              w.run(2s);
              CHECK_CLEAN(w, client.status() == 200);
            }});
}

TEST_CASE("an answer a millisecond after the route's timeout is too late", "[sim]") {
  play_all({{.routes = up_route("timeout: 1s")}, [](World& w) {
              auto& up = late_server(w, 1001ms);
              auto& client = w.connect();
              client.get("/1");
              w.run(2s);
              CHECK_CLEAN(w, client.status() == 504);
              CHECK_CLEAN(w, w.log().at(0) == "504 UT response_timeout /1");
              up.on_request = [](auto& c, const Message&) { c.reply(); };
              client.get("/2");
              w.run(2s);
              CHECK_GENTLE(w, client.responses().at(1).status() == 200);
              CHECK_CLEAN(w, up.connections.size() == 2);
            }});
}

TEST_CASE("the route's timeout runs while the answer comes, not while the request does", "[sim]") {
  play_all({{.routes = up_route("timeout: 1s")}, [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message&) { c.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"); };
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\n");
              w.run(5s);
              client.send("abc");
              w.run(990ms);
              CHECK_GENTLE(w, !client.ended());
              w.run(30ms);
              CHECK_GENTLE(w, client.ended());
              CHECK_CLEAN(w, w.log().at(0) == "200 UT response_timeout /");
            }});
}

TEST_CASE("the connect timeout and the route's timeout at the same moment", "[sim]") {
  play_all({{.routes = up_route("timeout: 0.25s"), .cluster = "connect_timeout: 0.25s,"}, [](World& w) {
              w.network.target("10.0.1.1:80").answer = Target::silence;
              auto& client = w.connect();
              client.get();
              w.run(1s);
              CHECK_GENTLE(w, (client.status() == 503 || client.status() == 504));
            }});
}

TEST_CASE("a try that takes too long is given up for another", "[sim]") {
  play_all({{.routes = up_route("retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.1s}")}, [](World& w) {
              auto& up = w.server();
              up.on_request = [&up, &w](auto& c, const Message&) {
                w.after(up.requests.size() == 1 ? 101ms : 99ms, [&c] { c.reply(); });
              };
              auto& client = w.connect();
              client.get();
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 200);
              CHECK_CLEAN(w, up.requests.size() == 2);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_rq_per_try_timeout") == 1);
            }});
}

TEST_CASE("the last try's timeout is the answer", "[sim]") {
  play_all({{.routes = up_route("retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.1s}")}, [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto&, const Message&) {};
              auto& client = w.connect();
              client.get();
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 504);
              CHECK_CLEAN(w, up.requests.size() == 2);
            }});
}

TEST_CASE("a request of which nothing moves is given up", "[sim]") {
  const Setup setup{.routes = up_route("timeout: 0s"), .hcm = "stream_idle_timeout: 1s,"};
  SECTION("the client sends no more") {
    play_all({setup, [](World& w) {
                w.server();
                auto& client = w.connect();
                client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nabc");
                w.run(990ms);
                CHECK_GENTLE(w, client.status() == 0);
                w.run(30ms);
                CHECK_GENTLE(w, client.status() == 408);
                CHECK_CLEAN(w, w.log().at(0) == "408 SI stream_idle_timeout /");
              }});
  }
  SECTION("the upstream does not answer") {
    play_all({setup, [](World& w) {
                late_server(w, 1010ms);
                auto& client = w.connect();
                client.get();
                w.run(2s);
                CHECK_GENTLE(w, client.status() == 504);
              }});
  }
  SECTION("the upstream stops in its answer") {
    play_all({setup, [](World& w) {
                auto& up = w.server();
                up.on_request = [&w](auto& c, const Message&) {
                  c.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
                  w.after(500ms, [&c] { c.send("def"); });
                };
                auto& client = w.connect();
                client.get();
                w.run(1480ms);
                CHECK_GENTLE(w, !client.ended());
                w.run(40ms);
                CHECK_GENTLE(w, client.ended());
              }});
  }
}

TEST_CASE("a stream that moves all the time has an end too", "[sim]") {
  play_all({{.routes = up_route("timeout: 0s"), .hcm = "common_http_protocol_options: {max_stream_duration: 1s},"}, [](World& w) {
              auto& up = w.server();
              up.on_request = [&w](auto& c, const Message&) {
                c.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
                for (int i = 1; i < 30; ++i) w.after(50ms * i, [&c] { c.send("1\r\nx\r\n"); });
              };
              auto& client = w.connect();
              client.get();
              w.run(980ms);
              CHECK_GENTLE(w, !client.ended());
              w.run(40ms);
              CHECK_GENTLE(w, client.ended());
              CHECK_CLEAN(w, w.stat("http.in.downstream_rq_max_duration_reached") == 1);
            }});
}

TEST_CASE("a stream is cut while its request still comes", "[sim]") {
  play_all({{.hcm = "common_http_protocol_options: {max_stream_duration: 1s},"}, [](World& w) {
              w.server();
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n");
              for (int i = 0; i < 30; ++i) {
                client.send("1\r\nx\r\n");
                w.run(50ms);
              }
              CHECK_CLEAN(w, client.status() == 408);
            }});
}

TEST_CASE("a head that comes too slowly", "[sim]") {
  play_all({{.hcm = "request_headers_timeout: 1s,"}, [](World& w) {
              w.server();
              auto& client = w.connect();
              client.send("GET / HTTP/1.1\r\nhos");
              w.run(990ms);
              CHECK_GENTLE(w, client.status() == 0);
              w.run(30ms);
              CHECK_GENTLE(w, client.status() == 408);
              w.run(2s);
              CHECK_GENTLE(w, client.ended());
            }});
}

TEST_CASE("a request that comes too slowly", "[sim]") {
  play_all({{.hcm = "request_timeout: 1s,"}, [](World& w) {
              w.server();
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\n");
              for (int i = 0; i < 12; ++i) {
                client.send("x");
                w.run(100ms);
              }
              CHECK_CLEAN(w, client.status() == 408);
            }});
}

TEST_CASE("a connection without requests is closed when its time is over", "[sim]") {
  play_all({{.hcm = "common_http_protocol_options: {idle_timeout: 2s}, drain_timeout: 1s,"}, [](World& w) {
              late_server(w, 3s);
              auto& client = w.connect();
              w.run(1s);
              client.get();
              w.run(4980ms);  // 3 of them in the request
              CHECK_CLEAN(w, client.status() == 200);
              CHECK_CLEAN(w, !client.ended());
              w.run(1040ms);  // a request that is under way to us would still be answered
              CHECK_GENTLE(w, client.ended());
              auto& other = w.connect();
              w.run(2100ms);
              CHECK_GENTLE(w, other.ended());
            }});
}

TEST_CASE("a connection that is too old closes after its request", "[sim]") {
  play_all({{.hcm = "common_http_protocol_options: {max_connection_duration: 2s}, drain_timeout: 1s,"}, [](World& w) {
              late_server(w, 500ms);
              auto& client = w.connect();
              w.run(1800ms);
              client.get();
              w.run(3s);
              CHECK_GENTLE(w, client.status() == 200);
              CHECK_GENTLE(w, client.ended());
            }});
}

TEST_CASE("a try of which nothing moves is given up for another", "[sim]") {
  play_all({{.routes = up_route("timeout: 0s, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_idle_timeout: 0.1s}")},
            [](World& w) {
              auto& up = w.server();
              up.on_request = [&up](auto& c, const Message&) {
                if (up.requests.size() > 1) c.reply();
              };
              auto& client = w.connect();
              client.get();
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 200);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_rq_per_try_idle_timeout") == 1);
            }});
}
