// Bodies that filters compress and decompress on their way, whatever happens to the connections meanwhile; what they become is
// what filters behind see, also while one of those holds the request back.
#include <algorithm>

#include "proxy/compression/gzip.h"
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

const std::string kLibrary = "{name: z, typed_config: {'@type': type.googleapis.com/envoy.extensions.compression.gzip.";
const std::string kCompressor =
    "{name: c, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor, "
    "request_direction_config: {}, response_direction_config: {}, compressor_library: " +
    kLibrary + "compressor.v3.Gzip}}}},";
const std::string kDecompressor =
    "{name: d, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.decompressor.v3.Decompressor, "
    "decompressor_library: " +
    kLibrary + "decompressor.v3.Gzip}}}},";
const std::string kBuffer =
    "{name: b, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, max_request_bytes: "
    "100000}},";

std::string text_of(std::size_t n) {
  std::string out;
  for (std::size_t i = 0; out.size() < n; ++i) out += std::to_string(i * i) + " ";
  return out.substr(0, n);
}

std::string packed(const std::string& text) {
  Arena arena;
  Buffer b;
  b.append(text);
  compression::make_gzip({})->make(arena)->compress(b, true);
  return b.to_string();
}

std::string unpacked(const std::string& bytes) {
  Arena arena;
  Buffer in, out;
  in.append(bytes);
  compression::make_gunzip({.ratio_max = 1032})->make(arena)->decompress(in, out);
  return out.to_string();
}

std::string post(const std::string& head, const std::string& body) {
  return "POST / HTTP/1.1\r\nhost: h\r\n" + head + "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("both directions of a request are compressed", "[sim][compression]") {
  const auto text = text_of(40'000);
  play_all({Setup{.filters = kCompressor},
            [&](World& w) {
              auto& up = w.server();
              up.on_request = [&](auto& c, const Message&) { c.reply(text, "200 OK", "content-type: text/plain\r\n"); };
              auto& client = w.connect();
              client.send(post("accept-encoding: gzip\r\n", text));
              w.run(500ms);
              if (!w.gentle()) return;
              REQUIRE(client.status() == 200);
              CHECK(client.responses()[0].get("content-encoding") == "gzip");
              CHECK(client.responses()[0].body.size() < text.size());
              CHECK(unpacked(client.responses()[0].body) == text);
              CHECK(up.requests.at(0).get("content-encoding") == "gzip");
              CHECK(unpacked(up.requests.at(0).body) == text);
            },
            true});
}

TEST_CASE("a filter that waits for the request gets it decompressed", "[sim][compression]") {
  const auto text = text_of(3000);
  play_all({Setup{.filters = kDecompressor + kBuffer}, [&](World& w) {
              auto& up = w.server();
              auto& client = w.connect();
              const auto all = post("content-encoding: gzip\r\n", packed(text));
              client.send(all.substr(0, all.size() - 100));
              w.run(50ms);
              CHECK_CLEAN(w, up.requests.empty());
              client.send(all.substr(all.size() - 100));
              w.run(200ms);
              if (!w.gentle()) return;
              REQUIRE(client.status() == 200);
              CHECK(up.requests.at(0).body == text);
              CHECK(up.requests.at(0).get("content-length") == std::to_string(text.size()));
            }});
}

TEST_CASE("a body that is far denser than allowed goes no further", "[sim][compression]") {
  const auto bomb = packed(std::string(4 << 20, '\0'));
  play_all({Setup{.filters = kDecompressor + kBuffer},
            [&](World& w) {
              auto& client = w.connect();
              client.send(post("content-encoding: gzip\r\n", bomb));
              w.run(200ms);
              CHECK_GENTLE(w, client.status() == 413);
              CHECK(w.blocks_max <= 100 * bomb.size() / Buffer::kBlockBytes + 20);
            },
            true});
}

TEST_CASE("what has grown too much for its size comes to an end, however small its pieces are", "[sim][compression]") {
  Setup s;
  s.filters =
      "{name: d, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.decompressor.v3.Decompressor, "
      "decompressor_library: {name: z, typed_config: {'@type': "
      "type.googleapis.com/envoy.extensions.compression.zstd.decompressor.v3.Zstd}}}},";
  const auto chunk = [](std::string_view bytes) { return "4\r\n" + std::string(bytes) + "\r\n"; };
  play_all({s,
            [&](World& w) {
              auto& up = w.server();
              auto& client = w.connect();
              // A frame's head, then blocks of 128 KiB that are one byte again and again.
              client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-encoding: zstd\r\ntransfer-encoding: chunked\r\n\r\n6\r\n" +
                          std::string("\x28\xb5\x2f\xfd\x00\x38", 6) + "\r\n");
              w.run(10ms);
              for (int i = 0; i < 24; ++i) {
                client.send(
                    chunk(std::string_view("\x02\x00\x10"
                                           "x",
                                           4)));
                w.run(10ms);
              }
              client.send("0\r\n\r\n");
              w.run(1s);
              if (!w.gentle() || up.requests.empty()) return;
              CHECK(up.requests[0].body.size() > 512 * 1024);
              CHECK(up.requests[0].body.size() <= 1280 * 1024);
            },
            true});
}
