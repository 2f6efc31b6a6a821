// Answers that a filter holds back: gRPC called by clients of HTTP/1, directly and as gRPC-Web. Whatever ends them, and whenever.
#include "unit/sim/h2_actors.h"
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

Setup setup(const std::string& filter, const std::string& config = "") {
  const std::string type = "'@type': type.googleapis.com/envoy.extensions.filters.http." + filter + ".v3.";
  Setup s;
  s.filters =
      "{name: a, typed_config: {" + type + (filter == "grpc_web" ? "GrpcWeb" : "Config") + config +
      "}}, {name: b, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig, "
      "stats_for_all_methods: true, emit_filter_state: true}},";
  s.cluster = kSpeaksHttp2;
  return s;
}

std::string call(const std::string& type, const std::string& body, const std::string& more = "") {
  return "POST /pkg.Service/Method HTTP/1.1\r\nhost: h\r\ncontent-type: " + type + "\r\n" + more +
         "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const std::string kFrame("\0\0\0\0\2hi", 7);

}  // namespace

TEST_CASE("an answer to HTTP/1 waits for its trailers, and gets their status", "[sim][grpc]") {
  play_all({setup("grpc_http1_bridge"), [](World& w) {
              H2Server up(w.network);
              up.on_request = [&w](H2End& c, std::int32_t id, H2Message&) {
                c.reply(id, kFrame, "200", false);
                w.after(5ms, [&c, id] {
                  c.send(id, kFrame, false);
                  c.send_trailers(id, "grpc-status", "5");
                });
              };
              auto& client = w.connect();
              client.send(call("application/grpc", kFrame));
              w.run(3ms);
              CHECK_CLEAN(w, client.status() == 0);
              w.run(100ms);
              if (w.gentle()) {
                REQUIRE(client.status() == 503);
                CHECK(client.responses()[0].get("grpc-status") == "5");
                CHECK(client.responses()[0].get("content-length") == "14");
                CHECK(client.responses()[0].body == kFrame + kFrame);
              }
              client.send(call("application/grpc", kFrame));
              w.run(100ms);
              CHECK_GENTLE(w, client.responses().size() == 2);
            }});
}

TEST_CASE("an answer that is held back and cut off gives way to another", "[sim][grpc]") {
  play_all({setup("grpc_http1_bridge"), [](World& w) {
              H2Server up(w.network);
              up.on_request = [&w](H2End& c, std::int32_t id, H2Message&) {
                c.reply(id, kFrame, "200", false);
                w.after(5ms, [&c, id] { c.reset(id, 2); });
              };
              auto& client = w.connect();
              client.send(call("application/grpc", kFrame));
              w.run(100ms);
              if (w.gentle()) {
                REQUIRE(client.status() == 200);
                CHECK(client.responses()[0].get("grpc-status") == "14");
                CHECK(client.responses()[0].body.empty());
              }
            }});
}

TEST_CASE("an answer that is held back is no longer than the limit", "[sim][grpc]") {
  auto s = setup("grpc_http1_bridge");
  s.listener = "per_connection_buffer_limit_bytes: 4096,";
  play_all({s, [](World& w) {
              H2Server up(w.network);
              up.on_request = [&w](H2End& c, std::int32_t id, H2Message&) {
                c.reply(id, std::string(3000, 'x'), "200", false);
                w.after(5ms, [&c, id] { c.send(id, std::string(3000, 'x'), false); });
                w.after(10ms, [&c, id] {
                  if (c.open(id)) c.send_trailers(id, "grpc-status", "0");
                });
              };
              auto& client = w.connect();
              client.send(call("application/grpc", kFrame));
              w.run(100ms);
              if (w.gentle()) {
                REQUIRE(client.status() == 200);
                CHECK(client.responses()[0].get("grpc-message") == "Internal Server Error");
              }
            }});
}

TEST_CASE("the client goes while its answer is held back", "[sim][grpc]") {
  play_all({setup("grpc_http1_bridge", ", upgrade_protobuf_to_grpc: true"), [](World& w) {
              H2Server up(w.network);
              up.on_request = [](H2End& c, std::int32_t id, H2Message& m) {
                CHECK(m.body == kFrame);
                c.reply(id, kFrame, "200", false);
              };
              auto& client = w.connect();
              client.send(call("application/x-protobuf", "hi"));
              w.run(20ms);
              client.peer.close();
              w.run(1s);
            }});
}

TEST_CASE("an answer that is held back and never ends is timed out", "[sim][grpc]") {
  auto s = setup("grpc_http1_bridge");
  s.routes = up_route("timeout: 1s");
  play_all({s, [](World& w) {
              H2Server up(w.network);
              up.on_request = [](H2End& c, std::int32_t id, H2Message&) { c.reply(id, kFrame, "200", false); };
              auto& client = w.connect();
              client.send(call("application/grpc", kFrame));
              w.run(2s);
              if (w.gentle()) {
                REQUIRE(client.status() == 200);
                CHECK(client.responses()[0].get("grpc-message") == "upstream request timeout");
              }
            }});
}

TEST_CASE("gRPC-Web in base64, and an answer that is no gRPC", "[sim][grpc]") {
  play_all({setup("grpc_web"), [](World& w) {
              H2Server up(w.network);
              up.on_request = [&w](H2End& c, std::int32_t id, H2Message& m) {
                CHECK(m.body == kFrame);
                c.reply(id, "what ", "500", false);
                w.after(5ms, [&c, id] { c.send(id, "is this?", true); });
              };
              auto& client = w.connect();
              client.send(call("application/grpc-web-text", "AAAAAAJoaQ==", "accept: application/grpc-web-text\r\n"));
              w.run(100ms);
              if (w.gentle()) {
                REQUIRE(client.status() == 500);
                CHECK(client.responses()[0].get("grpc-message") == "what is this?");
                CHECK(client.responses()[0].get("grpc-status") == "2");
              }
            }});
}
