// Two proxies in a row, so that HTTP/2 and TLS meet every failure on both of their sides.
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {
const char* name_of(Setup::Hop h) {
  return h == Setup::http2 ? "HTTP/2" : h == Setup::tls ? "TLS" : h == Setup::internal ? "no socket" : "HTTP/2 over TLS";
}
}  // namespace

TEST_CASE("requests and answers over a hop", "[sim]") {
  const auto hop = GENERATE(Setup::http2, Setup::tls, Setup::tls_http2, Setup::internal);
  INFO(name_of(hop));
  play_all({{.hop = hop}, [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message& m) { c.reply(m.path() + " " + m.body); };
              auto& a = w.connect();
              auto& b = w.connect();
              a.post("one", "/a");
              b.post("two", "/b");
              w.run(200ms);
              a.get("/again");
              w.run(200ms);
              CHECK_GENTLE(w, a.responses().size() == 2);
              CHECK_GENTLE(w, b.responses().size() == 1);
              for (const auto& r : a.responses())
                if (r.status() == 200) CHECK((r.body == "/a one" || r.body == "/again "));
            }});
}

TEST_CASE("a body in pieces and a slow answer over a hop", "[sim]") {
  const auto hop = GENERATE(Setup::http2, Setup::tls_http2, Setup::internal);
  INFO(name_of(hop));
  play_all({{.hop = hop}, [](World& w) {
              auto& up = w.server();
              up.on_request = [&w](auto& c, const Message& m) {
                CHECK(m.body == "abcdef");
                c.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nxyz\r\n");
                w.after(20ms, [&c] { c.send("0\r\n\r\n"); });
              };
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
              w.run(20ms);
              client.send("3\r\ndef\r\n0\r\n\r\n");
              w.run(200ms);
              CHECK_GENTLE(w, client.status() == 200);
              CHECK_GENTLE(w, client.responses().at(0).body == "xyz");
            }});
}

TEST_CASE("who goes in the middle of an answer over a hop", "[sim]") {
  const auto hop = GENERATE(Setup::http2, Setup::tls, Setup::tls_http2, Setup::internal);
  const bool client_goes = GENERATE(true, false);
  INFO(name_of(hop) << (client_goes ? ", the client" : ", the upstream"));
  play_all({{.hop = hop}, [client_goes](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message&) { c.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"); };
              auto& client = w.connect();
              client.get();
              w.run(50ms);
              if (client_goes) {
                client.peer.abort();
              } else {
                for (auto& c : up.connections) c.peer.abort();
              }
              w.run(50ms);
              CHECK(w.stat("cluster.origin.upstream_rq_active") == 0);
              CHECK_GENTLE(w, client.ended());
            }});
}

TEST_CASE("a try over a hop that takes too long is given up for another", "[sim]") {
  const auto hop = GENERATE(Setup::http2, Setup::tls_http2, Setup::internal);
  INFO(name_of(hop));
  play_all({{.routes = up_route("retry_policy: {retry_on: '5xx,reset', num_retries: 2, per_try_timeout: 0.1s}"), .hop = hop},
            [](World& w) {
              auto& up = w.server();
              up.on_request = [&up](auto& c, const Message&) {
                if (up.requests.size() > 1) c.reply();
              };
              auto& client = w.connect();
              client.post("again");
              w.run(2s);
              CHECK_GENTLE(w, client.status() == 200);
              for (const auto& r : up.requests) CHECK(r.body == "again");
            }});
}

TEST_CASE("big bodies both ways over a hop", "[sim]") {
  const auto hop = GENERATE(Setup::http2, Setup::tls, Setup::tls_http2, Setup::internal);
  INFO(name_of(hop));
  const std::string limits = "per_connection_buffer_limit_bytes: 65536,";
  play_all({{.listener = limits, .cluster = limits, .hop = hop},
            [](World& w) {
              const std::string big(300'000, 'x');
              auto& up = w.server();
              up.on_request = [](auto& c, const Message& m) { c.reply(m.body); };
              auto& client = w.connect();
              client.post(big);
              w.run(500ms);
              CHECK_GENTLE(w, client.status() == 200);
              CHECK_GENTLE(w, client.responses().at(0).body == big);
            },
            true});
}
