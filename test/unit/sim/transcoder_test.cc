// JSON for a gRPC upstream and back: messages that are made at the end of a body, answers that wait for their trailers, whatever
// ends them, and whenever.
#include "proxy/base/base64.h"
#include "support/shop.h"
#include "unit/sim/h2_actors.h"
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

Setup setup(const std::string& more = "") {
  Setup s;
  s.filters =
      "{name: t, typed_config: {'@type': "
      "type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder, "
      "services: [test.Shop], proto_descriptor_bin: '" +
      encode_base64(test::shop().SerializeAsString()) + "'" + more + "}},";
  s.cluster = kSpeaksHttp2;
  return s;
}

std::string post(const std::string& path, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nhost: h\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const std::string kId7("\0\0\0\0\2\x08\7", 7);

/// Answers with a head, `messages` and trailers, one after another.
void answer(World& w, H2Server& up, std::vector<std::string> messages, const char* status) {
  up.on_request = [&w, messages = std::move(messages), status](H2End& c, std::int32_t id, H2Message& m) {
    CHECK_CLEAN(w, m.get("content-type") == "application/grpc");
    c.reply(id, messages.empty() ? "" : messages[0], "200", false, "application/grpc");
    for (std::size_t i = 1; i < messages.size(); ++i)
      w.after(i * 2ms, [&c, id, message = messages[i]] { c.send(id, message, false); });
    w.after(10ms, [&c, id, status] { c.send_trailers(id, "grpc-status", status); });
  };
}

}  // namespace

TEST_CASE("a query becomes a message, and its answer waits for the trailers", "[sim][transcoder]") {
  play_all({setup(), [](World& w) {
              H2Server up(w.network);
              answer(w, up, {kId7}, "0");
              auto& client = w.connect();
              client.send("GET /look?id=7 HTTP/1.1\r\nhost: h\r\n\r\n");
              w.run(5ms);
              CHECK_CLEAN(w, client.status() == 0);
              w.run(100ms);
              CHECK_CLEAN(w, up.connections.at(0).messages.at(1).body == kId7);
              if (w.clean()) {
                REQUIRE(client.status() == 200);
                CHECK(client.responses()[0].body == "{\"id\":\"7\"}");
                CHECK(client.responses()[0].get("content-length") == "10");
              }
              client.send(post("/look?title=t", R"({"id": 7})"));
              w.run(100ms);
              CHECK_GENTLE(w, client.responses().size() == 2);
            }});
}

TEST_CASE("a body that is no message is refused and reaches nobody", "[sim][transcoder]") {
  play_all({setup(), [](World& w) {
              H2Server up(w.network);
              answer(w, up, {kId7}, "0");
              auto& client = w.connect();
              client.send(post("/look", R"({"id": [)"));
              w.run(100ms);
              CHECK_GENTLE(w, client.status() == 400);
              for (const auto& c : up.connections)
                for (const auto& [id, m] : c.messages) CHECK_FALSE(m.complete);
            }});
}

TEST_CASE("a stream's messages go on as they come", "[sim][transcoder]") {
  play_all({setup(), [](World& w) {
              H2Server up(w.network);
              answer(w, up, {kId7, kId7, kId7}, "0");
              auto& client = w.connect();
              client.send("GET /watch/7 HTTP/1.1\r\nhost: h\r\n\r\n");
              w.run(100ms);
              CHECK_CLEAN(w, client.status() == 200);
              CHECK_CLEAN(w, client.responses().at(0).body == R"([{"id":"7"},{"id":"7"},{"id":"7"}])");
            }});
}

TEST_CASE("a client's messages go on as they come", "[sim][transcoder]") {
  play_all({setup(), [](World& w) {
              H2Server up(w.network);
              answer(w, up, {kId7}, "0");
              auto& client = w.connect();
              client.send("POST /send HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n9\r\n[{\"id\": 7\r\n");
              w.run(5ms);
              client.send("c\r\n}, {\"id\": 7}\r\n1\r\n]\r\n0\r\n\r\n");
              w.run(100ms);
              CHECK_CLEAN(w, up.connections.at(0).messages.at(1).body == kId7 + kId7);
              CHECK_CLEAN(w, client.status() == 200);
            }});
}

TEST_CASE("an answer that is cut off, or a failure, is told as such", "[sim][transcoder]") {
  const bool reset = GENERATE(false, true);
  play_all({setup(", convert_grpc_status: true"), [reset](World& w) {
              H2Server up(w.network);
              answer(w, up, {}, "5");
              if (reset)
                up.on_request = [&w](H2End& c, std::int32_t id, H2Message&) {
                  c.reply(id, kId7, "200", false, "application/grpc");
                  w.after(5ms, [&c, id] { c.reset(id, 2); });
                };
              auto& client = w.connect();
              client.send("GET /look HTTP/1.1\r\nhost: h\r\n\r\n");
              w.run(100ms);
              CHECK_CLEAN(w, client.status() == (reset ? 503 : 404));
              client.peer.abort();
              w.run(50ms);
            }});
}
