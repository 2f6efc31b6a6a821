// Two codecs that talk to each other in memory.
#include "proxy/http2/codec.h"

#include <catch2/catch.hpp>

#include "support/http2.h"

using namespace outrigger;
using test::Http2Peer;

namespace {
struct Pair {
  Http2Peer client, server;
  explicit Pair(const http2::Options& server_options = {}, std::size_t send_limit = 0)
      : client(Http2Peer::Side::client), server(Http2Peer::Side::server, server_options, send_limit) {
    talk();
  }
  void talk() { client.talk(server); }
};
/// RFC 9113, 4.1
std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  std::string out;
  for (const int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift & 0xff);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift & 0xff);
  return out.append(payload);
}
constexpr const char* kHead = ":method=GET;:path=/;:scheme=http;:authority=h;";
}  // namespace

TEST_CASE("a request and its answer", "[http2]") {
  Pair p;
  p.client.request({{"x", "1"}});
  p.talk();
  CHECK(p.server.take_log() == std::string("|head 1 ") + kHead + "x=1;.");
  p.server.respond(p.server.stream(1), "hello");
  p.talk();
  CHECK(p.client.take_log() == "|sent 1|head 1 :status=200;|data 1 hello.|closed 1 0");
  CHECK(p.server.take_log() == "|sent 1|closed 1 0");
  CHECK(p.client.stat("streams_active") == 0);
}

TEST_CASE("bodies and trailers both ways", "[http2]") {
  Pair p;
  auto& s = p.client.request({}, false);
  p.client.send(s, "ab", false);
  p.talk();
  p.client.send(s, "cd", false);
  p.client.codec->send_trailers(s, std::vector<http2::Field>{{"x-t", "1"}});
  p.talk();
  CHECK(p.server.take_log() == std::string("|head 1 ") + kHead + "|data 1 ab|data 1 cd|head 1 x-t=1;.");
  p.server.codec->submit_response(p.server.stream(1), std::vector<http2::Field>{{":status", "200"}}, false);
  p.server.codec->send_trailers(p.server.stream(1), std::vector<http2::Field>{{"x-u", "2"}});
  p.talk();
  CHECK(p.client.take_log() == "|sent 1|head 1 :status=200;|head 1 x-u=2;.|closed 1 0");
}

TEST_CASE("what comes in does not depend on how it is cut", "[http2]") {
  Http2Peer client(Http2Peer::Side::client);
  auto& s = client.request({{"x", std::string_view("v")}}, false);
  client.send(s, std::string(5000, 'b'), true);
  client.request({}, true);
  const std::string bytes = client.write();
  const std::size_t step = GENERATE(1u, 2u, 9u, 10u, 1000u, 100000u);
  Http2Peer server(Http2Peer::Side::server);
  for (std::size_t at = 0; at < bytes.size(); at += step) REQUIRE(server.read(std::string_view(bytes).substr(at, step)));
  CHECK(server.log == std::string("|head 1 ") + kHead + "x=v;|head 3 " + kHead + ".|data 1 5000 bytes.");
}

TEST_CASE("informational answers come before the answer", "[http2]") {
  Pair p;
  p.client.request();
  p.talk();
  p.server.codec->submit_informational(p.server.stream(1), std::vector<http2::Field>{{":status", "103"}, {"link", "a"}});
  p.server.respond(p.server.stream(1));
  p.talk();
  CHECK(p.client.take_log() == "|sent 1|head 1 :status=103;link=a;|head 1 :status=200;.|closed 1 0");
}

TEST_CASE("a paused stream takes no more than its window, and goes on afterwards", "[http2]") {
  http2::Options o;
  o.stream_window_bytes = 65535;
  Pair p(o);
  auto& s = p.client.request({}, false);
  p.talk();
  p.server.codec->pause(p.server.stream(1), true);
  p.client.send(s, std::string(200'000, 'b'), true);
  p.talk();
  CHECK(s.send.size() == 200'000 - 65535);
  CHECK(p.server.stream(1).unconsumed == 65535);
  p.server.codec->pause(p.server.stream(1), true);
  p.server.codec->pause(p.server.stream(1), false);
  p.talk();
  CHECK(s.send.size() == 200'000 - 65535);  // one pause is left
  p.server.codec->pause(p.server.stream(1), false);
  p.talk();
  CHECK(s.local_closed);
  CHECK(p.server.stream(1).unconsumed == 0);
}

TEST_CASE("a paused stream that ends gives its part of the connection's window back", "[http2]") {
  http2::Options o;
  o.connection_window_bytes = 65535;
  Pair p(o);
  for (int i = 0; i < 10; ++i) {
    auto& s = p.client.request({}, false);
    const auto id = s.id;
    p.talk();
    p.server.codec->pause(p.server.stream(id), true);
    p.client.send(s, std::string(50'000, 'b'), false);
    p.talk();
    REQUIRE(s.send.empty());
    p.client.codec->reset(s, 8);
    p.talk();
    REQUIRE_FALSE(p.server.has(id));
  }
}

TEST_CASE("what waits for the peer's window is told above the limit and below its half", "[http2]") {
  Pair p({}, 1000);
  p.client.request();
  p.talk();
  auto& s = p.server.stream(1);
  p.server.take_log();
  p.server.codec->submit_response(s, std::vector<http2::Field>{{":status", "200"}}, false);
  p.server.send(s, std::string(1000, 'b'), false);
  CHECK(p.server.take_log().empty());
  p.server.send(s, "b", false);
  CHECK(p.server.take_log() == "|above 1");
  p.server.send(s, "b", false);
  CHECK(p.server.take_log().empty());
  p.talk();
  CHECK(p.server.take_log() == "|below 1");
}

TEST_CASE("too many fields, or too long ones, reset the stream alone", "[http2]") {
  http2::Options o;
  o.headers_max = 10;
  o.headers_kb_max = 1;
  Pair p(o);
  const bool many = GENERATE(true, false);
  const std::string value(many ? 1 : 1100, 'v');
  p.client.request(std::vector<http2::Field>(many ? 7 : 1, {"x", value}));
  p.client.request(std::vector<http2::Field>(6, {"x", "1"}));
  p.talk();
  CHECK(p.client.take_log() == "|sent 1|sent 3|reset 1 2|closed 1 2");
  CHECK(p.server.stat(many ? "header_overflow" : "header_list_size_too_large") == 1);
  CHECK(p.server.has(3));
}

TEST_CASE("a malformed message fails the connection, or only its stream", "[http2]") {
  http2::Options o;
  o.stream_error_on_invalid_message = GENERATE(true, false);
  const http2::Field bad = GENERATE(http2::Field{"connection", "close"}, http2::Field{"te", "gzip"}, http2::Field{"X", "1"},
                                    http2::Field{"x", "a\r\nb: c"}, http2::Field{":authority", "u@h"});
  Pair p(o);
  p.client.request({bad});
  p.talk();
  CHECK(p.server.stat("rx_messaging_error") == 1);
  if (o.stream_error_on_invalid_message)
    CHECK(p.client.log == "|sent 1|reset 1 1|closed 1 1");
  else
    CHECK_FALSE(p.server.read(""));
  if (p.server.has(1)) CHECK(p.server.stream(1).details == "http2.invalid.header.field");
}

TEST_CASE("an answer for a stream that was reset goes nowhere", "[http2]") {
  Pair p;
  auto& s = p.client.request();
  p.talk();
  p.client.codec->reset(s, 8);
  p.talk();
  CHECK(p.server.take_log() == std::string("|head 1 ") + kHead + ".|reset 1 8|closed 1 8");
  CHECK(p.server.stat("rx_reset") == 1);
  CHECK(p.client.stat("tx_reset") == 1);
  CHECK(p.client.stat("streams_active") == 0);
}

TEST_CASE("a frame out of place is answered with GOAWAY, and the connection is over", "[http2]") {
  Pair p;
  p.server.read(frame(0, 1, 1, "x"));
  const std::string out = p.server.write();
  CHECK(out.substr(3, 1) == std::string(1, 7));
  CHECK(p.server.codec->error_sent());
  CHECK(p.server.write().empty());
}

TEST_CASE("GOAWAY of the peer is told; what it has not taken is closed", "[http2]") {
  Pair p;
  p.client.request();
  p.client.request();
  p.talk();
  p.client.take_log();
  p.client.read(frame(7, 0, 0, std::string_view("\0\0\0\1\0\0\0\0", 8)));
  CHECK(p.client.take_log() == std::string("|goaway 1 0|closed 3 7"));
}

TEST_CASE("a drain warns, then says which streams are served", "[http2]") {
  Pair p;
  p.client.request();
  p.talk();
  p.client.take_log();
  p.server.codec->submit_goaway(true);
  p.talk();
  CHECK(p.client.take_log() == "|goaway 2147483647 0");
  p.server.codec->submit_goaway(false);
  p.talk();
  CHECK(p.client.take_log() == "|goaway 1 0");
}

TEST_CASE("PINGs are answered, and answers told", "[http2]") {
  Pair p;
  p.client.codec->submit_ping();
  p.talk();
  CHECK(p.client.take_log() == "|pong");
}

TEST_CASE("more acknowledgements than may wait are a flood", "[http2]") {
  http2::Options o;
  o.outbound_control_frames_max = 10;
  const bool over = GENERATE(false, true);
  Pair p(o);
  for (int i = 0; i < (over ? 11 : 10); ++i) REQUIRE(p.server.read(frame(6, 0, 0, "12345678")));
  Buffer out;
  CHECK(p.server.codec->fill(out) == !over);
  CHECK(out.size() == 17u * (over ? 11 : 10));
  CHECK(p.server.codec->failure().flood == over);
}

TEST_CASE("a codec that goes leaves no stream counted", "[http2]") {
  Http2Peer client(Http2Peer::Side::client);
  client.request();
  client.request();
  CHECK(client.stat("streams_active") == 2);
  client.codec.reset();
  CHECK(client.stat("streams_active") == 0);
}
