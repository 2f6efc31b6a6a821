// Requests and responses that wait for what an external processor makes of them (ext_proc), whatever becomes of the request, the
// processor and the stream between.
#include <map>

#include "unit/sim/h2_actors.h"
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

constexpr const char* kUpstream = "10.0.2.1:80";

/// The processor is the cluster up; requests go to the cluster mirror.
Setup with_processor(const std::string& mode, const std::string& more = "") {
  Setup s;
  s.routes = "{match: {prefix: /}, route: {cluster: mirror}}";
  s.filters =
      "{name: ext_proc, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor, "
      "grpc_service: {envoy_grpc: {cluster_name: up}}, processing_mode: {" +
      mode + "}" + more + "}},";
  s.cluster = kSpeaksHttp2;
  return s;
}

std::string field(int number, const std::string& bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())} + bytes;
}
std::string answer(int kind, const std::string& common = "") { return field(kind, field(1, common)); }
std::string body_of(const std::string& bytes) { return field(3, field(1, bytes)); }

/// Answers message by message; looks every millisecond for what has come.
struct Processor {
  Processor(World& world, std::vector<std::string> all) : w(world), service(world.network), answers(std::move(all)) { look(); }
  void look() {
    for (auto& c : service.connections)
      for (auto& [id, m] : c.messages) {
        auto& n = sent[{&c, id}];
        if (!c.open(id)) continue;
        for (; n < answers.size() && n < count(m.body); ++n) {
          const auto& a = answers[n];
          const std::string framed = std::string{0, 0, 0, 0, static_cast<char>(a.size())} + a;
          n == 0 ? c.reply(id, framed, "200", false) : c.send(id, framed, false);
          ++told;
        }
      }
    if (--looks > 0) w.after(1ms, [this] { look(); });
  }
  static std::size_t count(std::string_view body) {
    std::size_t n = 0;
    while (body.size() >= 5) {
      const auto size = static_cast<std::size_t>(static_cast<unsigned char>(body[3])) << 8 | static_cast<unsigned char>(body[4]);
      if (body.size() < 5 + size) break;
      body.remove_prefix(5 + size);
      ++n;
    }
    return n;
  }
  World& w;
  H2Server service;
  std::vector<std::string> answers;
  std::map<std::pair<H2End*, std::int32_t>, std::size_t> sent;
  std::size_t told = 0;
  int looks = 150;
};

const std::string kBuffered = "request_body_mode: BUFFERED, response_body_mode: BUFFERED";
const std::string kStreamed = "request_body_mode: STREAMED, response_body_mode: STREAMED";

}  // namespace

TEST_CASE("a request and its response go on as their processor makes them", "[sim][ext_proc]") {
  play_all({with_processor(kBuffered), [](World& w) {
              auto& up = w.server(kUpstream);
              Processor processor(w, {answer(1), answer(3, body_of("other")), answer(2), answer(4, body_of("no"))});
              auto& client = w.connect();
              client.post("hello");
              w.run(1s);
              CHECK_CLEAN(w, up.requests.size() == 1);
              CHECK_CLEAN(w, up.requests.at(0).body == "other");
              CHECK_CLEAN(w, client.status() == 200);
              CHECK_CLEAN(w, client.responses().at(0).body == "no");
              CHECK(up.requests.size() <= processor.told);  // nothing passes unseen
            }});
}

TEST_CASE("bodies are shown piece by piece", "[sim][ext_proc]") {
  play_all({with_processor("request_header_mode: SKIP, response_header_mode: SKIP, " + kStreamed), [](World& w) {
              auto& up = w.server(kUpstream);
              const Processor processor(w, {answer(3), answer(3), answer(4), answer(4)});
              auto& client = w.connect();
              client.post("hello");
              w.run(1s);
              CHECK_CLEAN(w, up.requests.size() == 1);
              CHECK_CLEAN(w, up.requests.at(0).body == "hello");
              CHECK_CLEAN(w, client.status() == 200);
            }});
}

TEST_CASE("a processor that answers the client keeps the request from the upstream", "[sim][ext_proc]") {
  play_all({with_processor(kBuffered), [](World& w) {
              auto& up = w.server(kUpstream);
              const Processor processor(w, {answer(1), field(7, std::string("\x0a\x03\x08\x93\x03", 5))});
              auto& client = w.connect();
              client.post("hello");
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 403);
              CHECK(up.requests.empty());
            }});
}

TEST_CASE("a processor that says nothing is an error", "[sim][ext_proc]") {
  play_all({with_processor(kStreamed), [](World& w) {
              auto& up = w.server(kUpstream);
              const Processor processor(w, {});
              auto& client = w.connect();
              client.post("hello");
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 504);
              CHECK(up.requests.empty());
            }});
}

TEST_CASE("a request goes on without its processor when failures are allowed", "[sim][ext_proc]") {
  play_all({with_processor(kStreamed, ", failure_mode_allow: true"), [](World& w) {
              auto& up = w.server(kUpstream);
              const Processor processor(w, {answer(1)});
              auto& client = w.connect();
              client.post("hello");
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 200);
              CHECK_CLEAN(w, up.requests.at(0).body == "hello");
            }});
}

TEST_CASE("a length that a processor sets without saying what the body is does not stand", "[sim][ext_proc]") {
  const auto length = field(2, field(1, field(1, field(1, "content-length") + field(3, "3"))));
  play_all({with_processor(kBuffered, ", failure_mode_allow: true"), [&length](World& w) {
              auto& up = w.server(kUpstream);
              const Processor processor(w, {answer(1, length)});
              auto& client = w.connect();
              client.post("hello");
              w.run(1s);
              CHECK_CLEAN(w, up.requests.size() == 1);
              CHECK_CLEAN(w, up.requests.at(0).body == "hello");
            }});
}

TEST_CASE("a client that leaves while its processor is asked ends the stream", "[sim][ext_proc]") {
  play_all({with_processor(kBuffered), [](World& w) {
              auto& up = w.server(kUpstream);
              const Processor processor(w, {});
              auto& client = w.connect();
              client.post("hello");
              w.run(20ms);
              client.peer.abort();
              w.run(200ms);
              CHECK(up.requests.empty());
            }});
}

TEST_CASE("a response without a body waits for its processor", "[sim][ext_proc]") {
  play_all({with_processor("request_header_mode: SKIP"), [](World& w) {
              auto& up = w.server(kUpstream);
              up.on_request = [](auto& c, const Message&) { c.send("HTTP/1.1 204 No Content\r\n\r\n"); };
              const Processor processor(w, {answer(2)});
              auto& client = w.connect();
              client.get();
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 204);
            }});
}
