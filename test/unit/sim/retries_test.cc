// Requests that go more than once: retries with their bodies, hedging, mirrors, internal redirects.
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

const std::string kRetry5xx = up_route("retry_policy: {retry_on: 5xx, num_retries: 3}");

/// Fails the first `n` requests.
Server& failing_server(World& w, std::size_t n) {
  auto& up = w.server();
  up.on_request = [&up, n](auto& c, const Message& m) {
    if (up.requests.size() <= n) return c.reply("no", "500 No");
    c.reply("got " + m.body);
  };
  return up;
}

}  // namespace

TEST_CASE("a request is tried until it works", "[sim]") {
  play_all({{.routes = kRetry5xx}, [](World& w) {
              auto& up = failing_server(w, 2);
              auto& client = w.connect();
              client.get();
              w.run(2s);
              CHECK_GENTLE(w, client.status() == 200);
              CHECK_CLEAN(w, up.requests.size() == 3);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_rq_retry_success") == 1);
            }});
}

TEST_CASE("the body goes again with each try", "[sim]") {
  play_all({{.routes = kRetry5xx}, [](World& w) {
              auto& up = failing_server(w, 1);
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 12\r\n\r\nhello ");
              w.run(5ms);
              client.send("world!");
              w.run(2s);
              CHECK_GENTLE(w, client.status() == 200);
              for (const auto& r : up.requests) CHECK(r.body == "hello world!");
            }});
}

TEST_CASE("a try fails while the body still comes", "[sim]") {
  play_all({{.routes = kRetry5xx}, [](World& w) {
              auto& up = w.server();
              std::size_t heads = 0;
              up.on_head = [&heads](auto& c, const Message&) {
                if (++heads == 1) c.peer.abort();
              };
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n");
              w.run(500ms);
              client.send("6\r\n world\r\n0\r\n\r\n");
              w.run(2s);
              CHECK_GENTLE(w, client.status() == 200);
              for (const auto& r : up.requests) CHECK(r.body == "hello world");
            }});
}

TEST_CASE("a body that is too large to keep is not tried again", "[sim]") {
  play_all({{.routes = kRetry5xx, .listener = "per_connection_buffer_limit_bytes: 1000,"}, [](World& w) {
              failing_server(w, 1);
              auto& client = w.connect();
              client.post(std::string(5000, 'x'));
              w.run(2s);
              CHECK_GENTLE(w, client.status() == 500);
              CHECK_CLEAN(w, w.stat("cluster.up.retry_or_shadow_abandoned") == 1);
            }});
}

TEST_CASE("the client goes while the next try waits for its time", "[sim]") {
  play_all(
      {{.routes = up_route("retry_policy: {retry_on: 5xx, num_retries: 3, retry_back_off: {base_interval: 10s}}")}, [](World& w) {
         failing_server(w, 9);
         auto& client = w.connect();
         client.get();
         w.run(5ms);
         client.peer.close();
         w.run(60s);
         CHECK(w.stat("cluster.up.upstream_rq_active") == 0);
       }});
}

TEST_CASE("a slow try gets a companion, and who answers first wins", "[sim]") {
  const bool first_wins = GENERATE(true, false);
  const std::string routes = up_route(
      "hedge_policy: {hedge_on_per_try_timeout: true}, retry_policy: {retry_on: 5xx, num_retries: 2, per_try_timeout: 0.1s}");
  play_all({{.routes = routes, .hosts = 2}, [first_wins](World& w) {
              std::size_t seen = 0;
              for (const auto* at : {"10.0.1.1:80", "10.0.1.2:80"}) {
                auto& up = w.server(at);
                up.on_request = [&, first_wins](auto& c, const Message& m) {
                  const bool first = ++seen == 1;
                  const auto wait = first == first_wins ? 150ms : 10s;
                  w.after(wait, [&c, first, body = m.body] { c.reply((first ? "first " : "second ") + body); });
                };
              }
              auto& client = w.connect();
              client.post("hi");
              w.run(5s);
              CHECK_CLEAN(w, client.status() == 200);
              CHECK_CLEAN(w, client.responses().at(0).body == (first_wins ? "first hi" : "second hi"));
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_rq_active") == 0);
            }});
}

TEST_CASE("companions that all fail", "[sim]") {
  const std::string routes = up_route(
      "hedge_policy: {hedge_on_per_try_timeout: true}, retry_policy: {retry_on: 5xx, num_retries: 2, per_try_timeout: 0.1s}");
  play_all({{.routes = routes, .hosts = 2}, [](World& w) {
              std::size_t seen = 0;
              for (const auto* at : {"10.0.1.1:80", "10.0.1.2:80"}) {
                auto& up = w.server(at);
                up.on_request = [&](auto& c, const Message&) {
                  const auto wait = 120ms + 20ms * seen++;
                  w.after(wait, [&c, n = seen] { n % 2 == 1 ? c.peer.abort() : c.reply("no", "503 No"); });
                };
              }
              auto& client = w.connect();
              client.get();
              w.run(20s);
              CHECK_CLEAN(w, client.status() >= 500);
            }});
}

TEST_CASE("a mirror gets what the upstream gets, and its answer goes nowhere", "[sim]") {
  play_all({{.routes = up_route("request_mirror_policies: [{cluster: mirror}]")}, [](World& w) {
              auto& up = w.server();
              auto& mirror = w.server("10.0.2.1:80");
              mirror.on_request = [&w](auto& c, const Message&) { w.after(50ms, [&c] { c.reply("no", "500 No"); }); };
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 12\r\n\r\nhello ");
              w.run(5ms);
              client.send("world!");
              w.run(30ms);
              CHECK_GENTLE(w, client.status() == 200);
              w.run(100ms);
              CHECK_GENTLE(w, client.responses().size() == 1);
              CHECK_GENTLE(w, up.requests.at(0).body == "hello world!");
              CHECK_GENTLE(w, mirror.requests.at(0).body == "hello world!");
              for (const auto& r : mirror.requests) CHECK(r.body == "hello world!");
            }});
}

TEST_CASE("a mirror that never answers holds nothing for long", "[sim]") {
  play_all({{.routes = up_route("timeout: 2s, request_mirror_policies: [{cluster: mirror}]")}, [](World& w) {
              w.server();
              auto& mirror = w.server("10.0.2.1:80");
              mirror.on_request = [](auto&, const Message&) {};
              auto& client = w.connect();
              client.get();
              w.run(10ms);
              client.peer.close();
              w.run(10s);
              CHECK(w.stat("cluster.mirror.upstream_rq_active") == 0);
            }});
}

TEST_CASE("a mirror whose original ends early ends too", "[sim]") {
  play_all({{.routes = up_route("request_mirror_policies: [{cluster: mirror}]")}, [](World& w) {
              auto& up = w.server();
              auto& mirror = w.server("10.0.2.1:80");
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n");
              w.run(10ms);
              client.peer.abort();
              w.run(100ms);
              CHECK(up.requests.empty());
              CHECK(mirror.requests.empty());
              CHECK(w.stat("cluster.mirror.upstream_rq_active") == 0);
            }});
}

TEST_CASE("a redirect of the upstream is followed inside", "[sim]") {
  play_all({{.routes = up_route("internal_redirect_policy: {max_internal_redirects: 2, redirect_response_codes: [307]}")},
            [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message& m) {
                if (m.path() == "/new") return c.reply("moved " + m.body);
                c.reply("away", "307 Temporary Redirect", "location: http://h/new\r\n");
              };
              auto& client = w.connect();
              client.post("hi", "/old");
              w.run(100ms);
              CHECK_GENTLE(w, client.status() == 200);
              CHECK_GENTLE(w, client.responses().at(0).body == "moved hi");
            }});
}

TEST_CASE("retries wait for the budget of the cluster", "[sim]") {
  play_all({{.routes = kRetry5xx, .cluster = "circuit_breakers: {thresholds: [{max_retries: 1}]},"}, [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message&) { c.reply("no", "500 No"); };
              Client* clients[] = {&w.connect(), &w.connect(), &w.connect()};
              for (auto* c : clients) c->get();
              w.run(5s);
              for (auto* c : clients) CHECK_GENTLE(w, c->status() == 500);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_rq_retry_overflow") == 2);
            }});
}
