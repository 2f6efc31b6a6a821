// Back-pressure: who cannot take more stops the other side, and what the proxy holds meanwhile is bounded by the
// limit and one read.
#include "unit/sim/tcp.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

constexpr std::size_t kLimit = 64 * 1024, kRead = Buffer::kBlockBytes;
const std::string kBig(1'000'000, 'x');

/// Of the bytes read what is not yet written: `frame` is what a codec adds and the head takes.
std::size_t held(const World& w) {
  return w.network.read_by_proxy - std::min(w.network.read_by_proxy, w.network.taken_from_proxy);
}

}  // namespace

TEST_CASE("an upload waits for a slow upstream", "[sim]") {
  const Setup setup{.listener = kLimits, .cluster = kLimits};
  play_all({setup,
            [](World& w) {
              auto& up = w.server();
              up.on_accept = [](auto& c) { c.peer.pause(); };
              auto& client = w.connect();
              client.post(kBig);
              w.run(500ms);
              CHECK_GENTLE(w, client.peer.unread() > kBig.size() / 2);
              CHECK(held(w) <= kLimit + 2 * kRead);
              CHECK(w.blocks_max <= (kLimit + 2 * kRead) / kRead + 4);
              for (int i = 0; i < 100; ++i) {
                for (auto& c : up.connections) c.peer.read(50'000);
                w.run(1ms);
              }
              for (auto& c : up.connections) c.peer.resume();
              w.run(100ms);
              CHECK_GENTLE(w, client.status() == 200);
              CHECK_GENTLE(w, up.requests.at(0).body == kBig);
              CHECK(w.blocks_max <= (kLimit + 2 * kRead) / kRead + 4);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_flow_control_backed_up_total") ==
                                 w.stat("cluster.up.upstream_flow_control_drained_total"));
            },
            true});
}

TEST_CASE("an upload waits for the connection to the upstream", "[sim]") {
  const Setup setup{.listener = kLimits, .cluster = kLimits};
  play_all({setup,
            [](World& w) {
              auto& up = w.server();
              up.target.delay = 1s;
              auto& client = w.connect();
              client.post(kBig);
              w.run(900ms);
              CHECK_CLEAN(w, w.network.taken_from_proxy == 0);
              CHECK_CLEAN(w, client.peer.unread() > kBig.size() / 2);
              CHECK(w.blocks_max <= (kLimit + 2 * kRead) / kRead + 4);
              w.run(1s);
              CHECK_GENTLE(w, client.status() == 200);
              CHECK_GENTLE(w, up.requests.at(0).body == kBig);
            },
            true});
}

TEST_CASE("a big answer waits for a slow client", "[sim]") {
  const Setup setup{.listener = kLimits, .cluster = kLimits};
  play_all({setup,
            [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message&) { c.reply(kBig); };
              auto& client = w.connect();
              client.peer.pause();
              client.get();
              w.run(500ms);
              for (auto& c : up.connections) CHECK_GENTLE(w, c.peer.unread() > kBig.size() / 2);
              CHECK(w.blocks_max <= (kLimit + 2 * kRead) / kRead + 4);
              for (int i = 0; i < 100; ++i) {
                client.peer.read(50'000);
                w.run(1ms);
              }
              client.peer.resume();
              w.run(100ms);
              CHECK_GENTLE(w, client.status() == 200);
              CHECK_GENTLE(w, client.responses().at(0).body == kBig);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_flow_control_paused_reading_total") ==
                                 w.stat("cluster.up.upstream_flow_control_resumed_reading_total"));
              client.get();
              w.run(1s);
              CHECK_GENTLE(w, client.responses().size() == 2);
            },
            true});
}

TEST_CASE("a chunked answer to a client that reads nothing is given up in the end", "[sim]") {
  const Setup setup{.hcm = "stream_idle_timeout: 5s,", .listener = kLimits, .cluster = kLimits};
  play_all({setup,
            [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message&) {
                c.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
                for (int i = 0; i < 200; ++i) c.send("1000\r\n" + std::string(0x1000, 'y') + "\r\n");
              };
              auto& client = w.connect();
              client.peer.pause();
              client.get();
              w.run(1s);
              CHECK(w.blocks_max <= (kLimit + 2 * kRead) / kRead + 4);
              w.run(10s);
              CHECK_CLEAN(w, w.stat("http.in.downstream_cx_active") == 0);
              CHECK(w.stat("cluster.up.upstream_cx_active") == 0);
            },
            true});
}

TEST_CASE("bodies in tiny pieces cost no more memory than large ones", "[sim]") {
  const Setup setup{.listener = kLimits, .cluster = kLimits};
  play_once({setup,
             [](World& w) {
               w.network.window = 512;
               auto& up = w.server();
               up.on_accept = [](auto& c) { c.peer.pause(); };
               auto& client = w.connect();
               client.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n");
               for (int i = 0; i < 10'000; ++i) {
                 client.send("1\r\nx\r\n");
                 w.run(1ms);
               }
               CHECK(w.blocks_max <= (kLimit + 2 * kRead) / kRead + 4);
               client.peer.abort();
             }},
            {});
}

TEST_CASE("an answer in tiny pieces costs no more memory than a large one", "[sim]") {
  const Setup setup{.listener = kLimits, .cluster = kLimits};
  play_once({setup,
             [](World& w) {
               w.network.window = 512;
               auto& up = w.server();
               up.on_request = [&w](auto& c, const Message&) {
                 c.send("HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n");
                 for (int i = 0; i < 10'000; ++i) w.after(1ms * i, [&c] { c.send("y"); });
               };
               auto& client = w.connect();
               client.peer.pause();
               client.get();
               w.run(11s);
               CHECK(w.blocks_max <= (kLimit + 2 * kRead) / kRead + 4);
               client.peer.abort();
             }},
            {});
}

TEST_CASE("a request held back by a delay keeps its body within the limit", "[sim]") {
  const Setup setup{.filters =
                        "{name: fault, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.fault.v3."
                        "HTTPFault, delay: {fixed_delay: 1s, percentage: {numerator: 100}}}},",
                    .listener = kLimits,
                    .cluster = kLimits};
  play_all({setup,
            [](World& w) {
              auto& up = w.server();
              auto& client = w.connect();
              client.post(kBig);
              w.run(990ms);
              CHECK(w.blocks_max <= (kLimit + 2 * kRead) / kRead + 4);
              CHECK(up.requests.empty());
              w.run(1s);
              CHECK_GENTLE(w, client.status() == 200);
              CHECK_GENTLE(w, up.requests.at(0).body == kBig);
            },
            true});
}

TEST_CASE("a client that asks on and on and reads nothing is cut off", "[sim]") {
  play_all({{},
            [](World& w) {
              w.network.window = 8192;
              auto& up = w.server();
              up.on_request = [](auto& c, const Message&) { c.reply(std::string(5000, 'x')); };
              auto& client = w.connect();
              client.peer.pause();
              std::string all;
              for (int i = 0; i < 100; ++i) all += "GET / HTTP/1.1\r\nhost: h\r\n\r\n";
              client.send(all);
              w.run(500ms);
              CHECK(up.requests.size() <= 4);
              CHECK(w.blocks_max <= 6);
              CHECK_CLEAN(w, w.stat("http1.response_flood") == 1);
              CHECK_CLEAN(w, w.log().back() == "0 DPE codec_error:Too_many_responses_queued. -");
              client.peer.resume();
              w.run(2s);
              CHECK_CLEAN(w, client.responses().size() == 3);
              CHECK_GENTLE(w, client.ended());
              // One that reads is served for ever.
              auto& reader = w.connect();
              reader.send(all);
              w.run(5s);
              CHECK_CLEAN(w, reader.responses().size() == 100);
            },
            true});
}
