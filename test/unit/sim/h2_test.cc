// HTTP/2 on both sides: streams that share connections, their ends, windows, drains; each again with every I/O
// operation failing.
#include "unit/sim/h2_actors.h"
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

std::string cluster(const std::string& http2 = "", const std::string& common = "") {
  return "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {'@type': "
         "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, common_http_protocol_options: {" +
         common + "}, explicit_http_config: {http2_protocol_options: {" + http2 + "}}}},";
}

Setup setup(const std::string& hcm = "", const std::string& of_cluster = cluster()) {
  return {.hcm = "codec_type: HTTP2," + hcm, .cluster = of_cluster};
}

/// A World with an HTTP/2 client and an HTTP/2 upstream.
struct Play {
  explicit Play(World& world, const http2::Options& client_options = {}) : w(world), options(client_options) {
    up.on_request = [](H2End& c, std::int32_t id, H2Message& m) { c.reply(id, "answer to " + m.get(":path")); };
    open();
  }
  H2End& open() { return client = &h2_client(w.connect(), clients, options), *client; }
  /// Whatever fails: an answer is whole, and the one to its request.
  void check_answers() {
    for (auto& c : clients) {
      CHECK_FALSE(c.broken);
      for (auto& [id, m] : c.messages)
        if (m.complete && m.status() == 200) CHECK(m.body == "answer to " + paths[id]);
    }
    for (auto& c : up.connections) CHECK_FALSE(c.broken);
  }
  std::int32_t get(const std::string& path) {
    const auto id = client->request(path);
    paths[id] = path;
    return id;
  }
  std::int32_t post(const std::string& path, std::string_view body, bool end = true) {
    const auto id = client->request(path, body, end);
    paths[id] = path;
    return id;
  }
  H2Message& message(std::int32_t id) { return client->messages[id]; }

  World& w;
  http2::Options options;
  H2Server up{w.network};
  std::deque<H2End> clients;
  H2End* client = nullptr;
  std::map<std::int32_t, std::string> paths;
};

}  // namespace

TEST_CASE("h2: requests one after another share both connections", "[sim][http2]") {
  play_all({setup(), [](World& w) {
              Play p(w);
              for (const auto* path : {"/1", "/2", "/3"}) {
                const auto id = p.get(path);
                w.run(50ms);
                CHECK_GENTLE(w, p.message(id).complete);
              }
              CHECK_CLEAN(w, p.up.connections.size() == 1);
              p.check_answers();
              w.run(1s);
            }});
}

TEST_CASE("h2: requests at the same time, answered out of order", "[sim][http2]") {
  play_all({setup(), [](World& w) {
              Play p(w);
              p.up.on_request = [&w](H2End& c, std::int32_t id, H2Message& m) {
                const std::string path = m.get(":path");
                w.after(path == "/1" ? 20ms : 5ms, [&c, id, path] { c.reply(id, "answer to " + path); });
              };
              for (const auto* path : {"/1", "/2", "/3", "/4"}) p.get(path);
              w.run(200ms);
              for (const std::int32_t id : {1, 3, 5, 7}) CHECK_GENTLE(w, p.message(id).complete);
              CHECK_CLEAN(w, p.up.connections.size() == 1);
              p.check_answers();
            }});
}

TEST_CASE("h2: bodies and trailers in pieces, both ways", "[sim][http2]") {
  play_all({setup(), [](World& w) {
              Play p(w);
              p.up.on_request = [&w](H2End& c, std::int32_t id, H2Message& m) {
                CHECK(m.body == "abcdef");
                CHECK(m.trailers.size() == 1);
                c.reply(id, "answer ", "200", false);
                w.after(5ms, [&c, id] {
                  c.send(id, "to /", false);
                  c.send_trailers(id, "x-u", "2");
                });
              };
              const auto id = p.post("/", "abc", false);
              w.run(5ms);
              p.client->send(id, "def", false);
              p.client->send_trailers(id, "x-t", "1");
              w.run(100ms);
              CHECK_GENTLE(w, p.message(id).complete);
              CHECK_GENTLE(w, p.message(id).trailers.size() == 1);
              p.check_answers();
            }});
}

TEST_CASE("h2: a stream that the client resets takes no other with it", "[sim][http2]") {
  play_all({setup(), [](World& w) {
              Play p(w);
              p.up.on_request = [](H2End& c, std::int32_t id, H2Message& m) {
                if (m.get(":path") != "/held") c.reply(id, "answer to " + m.get(":path"));
              };
              const auto held = p.get("/held");
              w.run(20ms);
              p.client->reset(held, 8);
              const auto next = p.get("/next");
              w.run(100ms);
              CHECK_GENTLE(w, p.message(next).complete);
              if (w.clean()) {
                CHECK(p.up.connections.size() == 1);
                CHECK(p.up.connections[0].messages[1].reset == 2);
              }
              p.check_answers();
            }});
}

TEST_CASE("h2: the upstream resets a stream, before and in its answer", "[sim][http2]") {
  play_all({setup(), [](World& w) {
              Play p(w);
              p.up.on_request = [&w](H2End& c, std::int32_t id, H2Message& m) {
                const std::string path = m.get(":path");
                if (path == "/ok") return c.reply(id, "answer to /ok");
                if (path == "/late") c.reply(id, "part", "200", false);
                w.after(5ms, [&c, id] { c.reset(id, 2); });
              };
              const auto soon = p.get("/soon"), late = p.get("/late"), ok = p.get("/ok");
              w.run(100ms);
              CHECK_GENTLE(w, p.message(soon).status() == 503);
              CHECK_GENTLE(w, p.message(late).reset >= 0);
              CHECK_GENTLE(w, p.message(ok).complete);
              p.check_answers();
            }});
}

TEST_CASE("h2: a refused stream is tried again", "[sim][http2]") {
  auto s = setup();
  s.routes = "{match: {prefix: /}, route: {cluster: up, retry_policy: {retry_on: refused-stream, num_retries: 2}}}";
  play_all({s, [](World& w) {
              Play p(w);
              p.up.on_request = [refused = 0](H2End& c, std::int32_t id, H2Message& m) mutable {
                if (refused++ == 0) return c.reset(id, 7);
                c.reply(id, "answer to " + m.get(":path"));
              };
              const auto id = p.get("/1");
              w.run(500ms);
              CHECK_GENTLE(w, p.message(id).status() == 200);
              p.check_answers();
            }});
}

TEST_CASE("h2: GOAWAY of the upstream lets go on what it took, the rest goes elsewhere", "[sim][http2]") {
  auto s = setup();
  s.routes = "{match: {prefix: /}, route: {cluster: up, retry_policy: {retry_on: refused-stream, num_retries: 2}}}";
  play_all({s, [](World& w) {
              Play p(w);
              p.up.on_request = [&w, first = true](H2End& c, std::int32_t id, H2Message& m) mutable {
                const std::string path = m.get(":path");
                if (std::exchange(first, false)) c.goaway(false);
                w.after(10ms, [&c, id, path] { c.reply(id, "answer to " + path); });
              };
              const auto a = p.get("/1");
              w.run(5ms);
              const auto b = p.get("/2");
              w.run(300ms);
              CHECK_GENTLE(w, p.message(a).status() == 200);
              CHECK_GENTLE(w, p.message(b).status() == 200);
              p.check_answers();
            }});
}

TEST_CASE("h2: more streams than a connection may carry open another one", "[sim][http2]") {
  play_all({setup("", cluster("max_concurrent_streams: 2")), [](World& w) {
              Play p(w);
              p.up.on_request = [&w](H2End& c, std::int32_t id, H2Message& m) {
                w.after(20ms, [&c, id, path = m.get(":path")] { c.reply(id, "answer to " + path); });
              };
              for (const auto* path : {"/1", "/2", "/3", "/4", "/5"}) p.get(path);
              w.run(300ms);
              for (const std::int32_t id : {1, 3, 5, 7, 9}) CHECK_GENTLE(w, p.message(id).complete);
              CHECK_CLEAN(w, p.up.connections.size() == 3);
              p.check_answers();
            }});
}

TEST_CASE("h2: a client that takes nothing holds the upstream back", "[sim][http2]") {
  http2::Options small;
  small.stream_window_bytes = 65535;
  auto s = setup("", cluster("initial_stream_window_size: 65535, initial_connection_window_size: 65535"));
  s.listener = "per_connection_buffer_limit_bytes: 32768,";
  s.cluster += "per_connection_buffer_limit_bytes: 32768,";
  play_all({s,
            [small](World& w) {
              Play p(w, small);
              const std::string body(1'000'000, 'b');
              p.up.on_request = [&](H2End& c, std::int32_t id, H2Message&) { c.reply(id, body); };
              const auto id = p.get("/1");
              p.client->hold(id, true);
              w.run(100ms);
              CHECK(w.blocks_max <= 80);  // 62 are the sender's own
              p.client->hold(id, false);
              w.run(1s);
              CHECK_GENTLE(w, p.message(id).body.size() == body.size());
            },
            true});
}

TEST_CASE("h2: an upload to an upstream that takes nothing holds the client back", "[sim][http2]") {
  http2::Options small;
  small.stream_window_bytes = 65535;
  auto s = setup("http2_protocol_options: {initial_stream_window_size: 65535, initial_connection_window_size: 65535},");
  s.listener = "per_connection_buffer_limit_bytes: 32768,";
  s.cluster += "per_connection_buffer_limit_bytes: 32768,";
  play_all({s,
            [small](World& w) {
              Play p(w);
              H2Server slow(w.network, "10.0.1.1:80", small);
              slow.on_request = [](H2End& c, std::int32_t id, H2Message&) { c.reply(id, "answer to /1"); };
              const auto id = p.post("/1", "b", false);
              w.run(20ms);
              for (auto& c : slow.connections) c.hold(1, true);
              p.client->send(id, std::string(1'000'000, 'b'), true);
              w.run(100ms);
              CHECK(w.blocks_max <= 80);  // 62 are the sender's own
              for (auto& c : slow.connections) c.hold(1, false);
              w.run(1s);
              CHECK_GENTLE(w, p.message(id).status() == 200);
            },
            true});
}

TEST_CASE("h2: a drain answers what runs and then closes", "[sim][http2]") {
  play_all({setup("drain_timeout: 0.1s, common_http_protocol_options: {max_requests_per_connection: 2},"), [](World& w) {
              Play p(w);
              p.up.on_request = [&w](H2End& c, std::int32_t id, H2Message& m) {
                w.after(30ms, [&c, id, path = m.get(":path")] { c.reply(id, "answer to " + path); });
              };
              const auto a = p.get("/1"), b = p.get("/2");
              w.run(40ms);
              w.run(300ms);
              for (const auto id : {a, b}) CHECK_GENTLE(w, p.message(id).complete);
              CHECK_GENTLE(w, p.client->goaways.size() >= 1);
              w.run(2s);
              CHECK_GENTLE(w, p.client->peer.ended());
              p.check_answers();
            }});
}

TEST_CASE("h2: the upstream's connection breaks under many streams", "[sim][http2]") {
  play_all({setup(), [](World& w) {
              Play p(w);
              p.up.on_request = [](H2End& c, std::int32_t id, H2Message& m) {
                if (m.get(":path") == "/break") c.peer.abort();
                if (m.get(":path") == "/part") c.reply(id, "part", "200", false);
              };
              const auto a = p.get("/a"), part = p.get("/part");
              w.run(20ms);
              const auto last = p.get("/break");
              w.run(100ms);
              CHECK_CLEAN(w, p.message(a).status() == 503);
              CHECK_CLEAN(w, p.message(last).status() == 503);
              CHECK_CLEAN(w, p.message(part).reset >= 0);
              const auto next = p.get("/part");
              w.run(100ms);
              CHECK_CLEAN(w, p.message(next).has_head);
              p.client->reset(next, 8);
              w.run(10ms);
            }});
}

TEST_CASE("h2: a client that goes away ends all its streams", "[sim][http2]") {
  play_all({setup(), [](World& w) {
              Play p(w);
              p.up.on_request = [](H2End&, std::int32_t, H2Message&) {};
              p.get("/1");
              p.get("/2");
              p.post("/3", "abc", false);
              w.run(20ms);
              p.client->peer.abort();
              w.run(20ms);
              if (w.clean())
                for (const std::int32_t id : {1, 3, 5}) CHECK(p.up.connections[0].messages[id].reset == 2);
            }});
}

TEST_CASE("h2: PINGs that are not answered end both connections", "[sim][http2]") {
  const std::string keepalive = "connection_keepalive: {interval: 1s, timeout: 0.5s}";
  play_all({setup("http2_protocol_options: {" + keepalive + "},", cluster(keepalive)), [](World& w) {
              Play p(w);
              const auto id = p.get("/1");
              w.run(5s);  // both answer
              CHECK_GENTLE(w, p.message(id).complete);
              CHECK_GENTLE(w, !p.client->peer.ended());
              p.client->peer.on_data = [] {};
              for (auto& c : p.up.connections) c.peer.on_data = [] {};
              w.run(5s);
              CHECK(p.client->peer.ended());
            }});
}

TEST_CASE("h2: clients of HTTP/1 share a connection to an upstream", "[sim][http2]") {
  Setup s;
  s.cluster = cluster();
  play_all({s, [](World& w) {
              H2Server up(w.network);
              up.on_request = [](H2End& c, std::int32_t id, H2Message& m) { c.reply(id, "answer to " + m.get(":path")); };
              Client* clients[] = {&w.connect(), &w.connect(), &w.connect()};
              for (auto* c : clients) c->get("/1");
              w.run(50ms);
              for (auto* c : clients) c->post("body", "/2");
              w.run(50ms);
              for (auto* c : clients) CHECK_GENTLE(w, c->responses().size() == 2);
              CHECK_CLEAN(w, up.connections.size() == 1);
            }});
}
