// Bodies that wait for their turn: how long, in what order with trailers, and what is held meanwhile.
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

Setup limited(const std::string& config) {
  Setup s;
  s.filters =
      "{name: b, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit, "
      "stat_prefix: b, " +
      config + "}},";
  return s;
}

constexpr std::string_view kPrefix = "b.http_bandwidth_limit.";
std::uint64_t stat(const World& w, std::string_view name) { return w.stat(std::string(kPrefix) + std::string(name)); }

}  // namespace

TEST_CASE("a response passes at its rate", "[sim][bandwidth]") {
  const std::string body(10 * 1024, 'y');
  play_all({limited("enable_mode: RESPONSE, limit_kbps: 2"), [&](World& w) {
              auto& up = w.server();
              up.on_request = [&](auto& c, const Message&) { c.reply(body); };
              auto& client = w.connect();
              client.get();
              w.run(900ms);
              CHECK_CLEAN(w, client.status() == 0);
              CHECK_CLEAN(w, client.rest().message.body.size() >= 2048);
              CHECK_CLEAN(w, client.rest().message.body.size() <= 2 * 2048);
              CHECK_CLEAN(w, stat(w, "response_pending") == 1);
              w.run(5s);
              if (!w.gentle()) return;
              REQUIRE(client.status() == 200);
              CHECK(client.responses()[0].body == body);
              CHECK(stat(w, "response_pending") == 0);
              CHECK(stat(w, "response_enforced") >= 70);
              CHECK(stat(w, "response_allowed_total_size") == body.size());
            }});
}

TEST_CASE("a request passes at its rate, and its trailers after it", "[sim][bandwidth]") {
  auto s = limited("enable_mode: REQUEST, limit_kbps: 1, fill_interval: 0.1s");
  s.hcm = "http_protocol_options: {enable_trailers: true},";
  s.cluster = "http_protocol_options: {enable_trailers: true},";
  play_all({s, [](World& w) {
              auto& up = w.server();
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n800\r\n" + std::string(0x800, 'x') +
                          "\r\n0\r\nx-t: 1\r\n\r\n");
              w.run(800ms);
              CHECK_CLEAN(w, up.requests.empty());
              w.run(1s);
              if (!w.gentle()) return;
              REQUIRE(client.status() == 200);
              CHECK(up.requests.at(0).body == std::string(0x800, 'x'));
              CHECK(up.requests.at(0).trailers.size() == 1);
            }});
}

TEST_CASE("requests share a rate", "[sim][bandwidth]") {
  play_all({limited("enable_mode: RESPONSE, limit_kbps: 1"), [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message&) { c.reply(std::string(1000, 'y')); };
              auto& a = w.connect();
              auto& b = w.connect();
              a.get();
              b.get();
              w.run(500ms);
              CHECK_CLEAN(w, a.responses().size() + b.responses().size() == 1);
              w.run(1s);
              CHECK_GENTLE(w, (a.status() == 200 && b.status() == 200));
            }});
}

TEST_CASE("what waits for its turn is no more than the limit of buffers", "[sim][bandwidth]") {
  auto s = limited("enable_mode: REQUEST_AND_RESPONSE, limit_kbps: 100");
  s.listener = s.cluster = "per_connection_buffer_limit_bytes: 32768,";
  const std::string body(400'000, 'y');
  play_all({s,
            [&](World& w) {
              auto& up = w.server();
              up.on_request = [&](auto& c, const Message&) { c.reply(body); };
              auto& client = w.connect();
              client.post(body);
              w.run(1s);
              CHECK(w.blocks_max <= 4 * 32768 / Buffer::kBlockBytes + 16);
              w.run(12s);
              CHECK_GENTLE(w, client.status() == 200);
              CHECK_GENTLE(w, up.requests.at(0).body == body);
              CHECK(w.blocks_max <= 4 * 32768 / Buffer::kBlockBytes + 16);
            },
            true});
}

TEST_CASE("nobody waits any more once the client has left", "[sim][bandwidth]") {
  play_all({limited("enable_mode: RESPONSE, limit_kbps: 1"), [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message&) { c.reply(std::string(5000, 'y')); };
              auto& client = w.connect();
              client.get();
              w.run(100ms);
              client.peer.close();
              w.run(100ms);
              CHECK(stat(w, "response_pending") == 0);
            }});
}
