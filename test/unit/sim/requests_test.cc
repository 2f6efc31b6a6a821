// Plain requests and answers: keep-alive, pipelining, framings, bodies.
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {
/// Whatever fails: an answer of the upstream is the one to its request, in order.
void check_answers(Client& client) {
  for (std::size_t i = 0; i < client.responses().size(); ++i)
    if (client.responses()[i].status() == 200) CHECK(client.responses()[i].body == "answer to /" + std::to_string(i + 1));
}
void answer_by_path(Server& up) {
  up.on_request = [](auto& c, const Message& m) { c.reply("answer to " + m.path()); };
}
}  // namespace

TEST_CASE("requests one after another share both connections", "[sim]") {
  play_all({{}, [](World& w) {
              auto& up = w.server();
              answer_by_path(up);
              auto& client = w.connect();
              client.get("/1");
              w.run(100ms);
              client.get("/2");
              w.run(100ms);
              CHECK_GENTLE(w, client.responses().size() == 2);
              CHECK_CLEAN(w, up.connections.size() == 1);
              check_answers(client);
            }});
}

TEST_CASE("pipelined requests are answered in order", "[sim]") {
  play_all({{}, [](World& w) {
              auto& up = w.server();
              up.on_request = [&w](auto& c, const Message& m) {  // the first is the slowest
                const auto wait = m.path() == "/1" ? 20ms : 5ms;
                w.after(wait, [&c, path = m.path()] { c.reply("answer to " + path); });
              };
              auto& client = w.connect();
              std::string all;
              for (int i = 1; i <= 4; ++i) all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nhost: h\r\n\r\n";
              client.send(all);
              w.run(1s);
              CHECK_GENTLE(w, client.responses().size() == 4);
              check_answers(client);
            }});
}

TEST_CASE("many pipelined requests wait outside of the proxy", "[sim]") {
  play_once({{},
             [](World& w) {
               w.network.window = 4096;
               auto& up = w.server();
               up.on_request = [](auto&, const Message&) {};  // never
               auto& client = w.connect();
               std::string one = "GET /1 HTTP/1.1\r\nhost: h\r\n\r\n", all;
               while (all.size() < 1'000'000) all += one;
               client.send(all);
               w.run(1s);
               CHECK(up.requests.size() == 1);
               CHECK(w.network.read_by_proxy <= 32 * 1024 + one.size());
               CHECK(w.blocks_max <= 4);
               client.peer.abort();
             }},
            {});
}

TEST_CASE("a body with a length goes up, an answer of unknown length comes down", "[sim]") {
  play_all({{}, [](World& w) {
              auto& up = w.server();
              up.on_request = [&w](auto& c, const Message& m) {
                c.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nwas \r\n");
                w.after(5ms, [&c, body = m.body] { c.send("5\r\n" + body + "\r\n0\r\n\r\n"); });
              };
              auto& client = w.connect();
              client.post("hello");
              w.run(100ms);
              client.post("again");
              w.run(100ms);
              CHECK_GENTLE(w, client.responses().size() == 2);
              CHECK_GENTLE(w, client.responses().at(1).body == "was again");
              CHECK_CLEAN(w, up.connections.size() == 1);
            }});
}

TEST_CASE("a chunked body with trailers in pieces", "[sim]") {
  play_all({{.hcm = "http_protocol_options: {enable_trailers: true},",
             .cluster = "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"
                        "'@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, "
                        "explicit_http_config: {http_protocol_options: {enable_trailers: true}}}},"},
            [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message& m) {
                CHECK(m.body == "abcdefgh");
                CHECK(m.trailers.size() == 1);
                c.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-t: 1\r\nx-u: 2\r\n\r\n");
              };
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n");
              for (const auto* piece : {"4\r\nab", "cd\r", "\n", "4\r\nefgh\r\n", "0\r\nx-", "r: 1\r\n", "\r\n"}) {
                w.run(2ms);
                client.send(piece);
              }
              w.run(100ms);
              CHECK_GENTLE(w, client.status() == 200);
              CHECK_GENTLE(w, client.responses().at(0).trailers.size() == 2);
            }});
}

TEST_CASE("a body that ends with the connection", "[sim]") {
  play_all({{}, [](World& w) {
              auto& up = w.server();
              up.on_request = [&w](auto& c, const Message&) {
                c.send("HTTP/1.1 200 OK\r\n\r\nall ");
                w.after(5ms, [&c] {
                  c.send("of it");
                  c.peer.close();
                });
              };
              auto& client = w.connect();
              client.get();
              w.run(100ms);
              CHECK_GENTLE(w, client.status() == 200);
              CHECK_GENTLE(w, client.responses().at(0).body == "all of it");
              CHECK_CLEAN(w, !client.ended());
            }});
}

TEST_CASE("answers without a body leave the connections open", "[sim]") {
  play_all({{}, [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message& m) {
                c.send(m.path() == "/1" ? "HTTP/1.1 204 No Content\r\n\r\n"
                                        : "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n");
              };
              auto& client = w.connect();
              client.get("/1");
              w.run(50ms);
              client.get("/2");
              w.run(50ms);
              CHECK_GENTLE(w, client.responses().size() == 2);
              CHECK_CLEAN(w, up.connections.size() == 1);
            }});
}

TEST_CASE("a HEAD request has an answer without a body", "[sim]") {
  play_all({{}, [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message&) { c.send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"); };
              auto& client = w.connect();
              client.answers_head = true;
              for (int i = 0; i < 2; ++i) {
                client.send("HEAD / HTTP/1.1\r\nhost: h\r\n\r\n");
                w.run(50ms);
              }
              CHECK_GENTLE(w, client.responses().size() == 2);
              CHECK_CLEAN(w, up.connections.size() == 1);
            }});
}

TEST_CASE("connection: close of the client and of the upstream", "[sim]") {
  play_all({{}, [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message&) { c.reply("ok", "200 OK", "connection: close\r\n"); };
              auto& client = w.connect();
              client.get("/1");
              w.run(50ms);
              client.get("/2", "connection: close\r\n");
              w.run(50ms);
              CHECK_GENTLE(w, client.responses().size() == 2);
              CHECK_GENTLE(w, client.ended());
              CHECK_CLEAN(w, up.connections.size() == 2);
            }});
}

TEST_CASE("several clients at once", "[sim]") {
  play_all({{.hosts = 2}, [](World& w) {
              for (const auto* at : {"10.0.1.1:80", "10.0.1.2:80"}) {
                auto& up = w.server(at);
                up.on_request = [&w](auto& c, const Message& m) {
                  w.after(3ms, [&c, path = m.path()] { c.reply("answer to " + path); });
                };
              }
              Client* clients[] = {&w.connect(), &w.connect(), &w.connect()};
              for (auto* c : clients) c->get("/1");
              w.run(50ms);
              for (auto* c : clients) c->get("/2");
              w.run(50ms);
              for (auto* c : clients) {
                CHECK_GENTLE(w, c->responses().size() == 2);
                check_answers(*c);
              }
            }});
}

TEST_CASE("an answer before the request is complete", "[sim]") {
  play_all({{}, [](World& w) {
              auto& up = w.server();
              up.on_head = [](auto& c, const Message&) { c.reply("too much", "413 Payload Too Large", "connection: close\r\n"); };
              up.on_request = [](auto&, const Message&) {};
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nabc");
              w.run(50ms);
              CHECK_GENTLE(w, client.status() == 413);
              w.run(2s);
              CHECK_GENTLE(w, client.ended());
            }});
}
