// Heads to HTTP/2 fields and back.
#include "proxy/http2/fields.h"

#include <catch2/catch.hpp>

#include "support/message.h"

using namespace outrigger;
using test::Request;
using test::Response;

namespace {
std::string text_of(const http2::Fields& fields) {
  std::string out;
  for (const auto& f : fields) {
    if (!out.empty()) out += '|';
    out.append(f.name).append(": ").append(f.value);
  }
  return out;
}
std::string sent(const Request& r) {
  http2::Fields out;
  http2::request_fields(r.head, out);
  return text_of(out);
}
std::string sent(const Response& r) {
  http2::Fields out;
  http2::response_fields(r.head, out);
  return text_of(out);
}

/// A request as it comes in.
struct Received {
  Arena arena;
  http::RequestHead head{arena};
  http::Framing framing;
  explicit Received(const test::Fields& fields) {
    for (const auto& [name, value] : fields) http2::add_request_field(head, name, value);
    http2::finish_request(head, framing);
  }
  std::string text() const { return test::text_of(head.headers); }
};
}  // namespace

TEST_CASE("a request begins with its pseudo-headers, in this order", "[http2]") {
  CHECK(sent(Request("/a?b", {{"x-a", "1"}, {"x-b", ""}})) ==
        ":method: GET|:path: /a?b|:scheme: http|:authority: h.example|x-a: 1|x-b: ");
}

TEST_CASE("what is about an HTTP/1 connection is not sent", "[http2]") {
  CHECK(sent(Request("/", {{"connection", "keep-alive"},
                           {"keep-alive", "3"},
                           {"proxy-connection", "x"},
                           {"transfer-encoding", "chunked"},
                           {"host", "h"},
                           {"x", "1"}})) == ":method: GET|:path: /|:scheme: http|:authority: h.example|x: 1");
  CHECK(sent(Response(200, {{"connection", "close"}, {"transfer-encoding", "chunked"}, {"upgrade", "x"}, {"x", "1"}})) ==
        ":status: 200|x: 1");
}

TEST_CASE("te goes on only as trailers", "[http2]") {
  CHECK(sent(Request("/", {{"te", "trailers"}})).ends_with("|te: trailers"));
  CHECK_FALSE(sent(Request("/", {{"te", "gzip"}})).ends_with("gzip"));
}

TEST_CASE("every status is three digits; the 101 of an upgrade is told as 200", "[http2]") {
  CHECK(sent(Response(200)) == ":status: 200");
  CHECK(sent(Response(103)) == ":status: 103");
  CHECK(sent(Response(599)) == ":status: 599");
  CHECK(sent(Response(101, {{"upgrade", "websocket"}})) == ":status: 200");
  CHECK(sent(Response(101)) == ":status: 101");
}

TEST_CASE("CONNECT has no path and no scheme", "[http2]") {
  CHECK(sent(Request("", {}, "h:443", "CONNECT")) == ":method: CONNECT|:authority: h:443");
}

TEST_CASE("an upgrade becomes an extended CONNECT and comes back as an upgrade", "[http2]") {
  CHECK(sent(Request("/ws", {{"upgrade", "websocket"}, {"connection", "upgrade"}, {"x", "1"}})) ==
        ":method: CONNECT|:path: /ws|:scheme: http|:authority: h.example|:protocol: websocket|x: 1");
  Received r({{":method", "CONNECT"},
              {":path", "/ws"},
              {":scheme", "http"},
              {":authority", "h"},
              {":protocol", "websocket"},
              {"x", "1"}});
  CHECK(r.head.method == "GET");
  CHECK(r.head.path == "/ws");
  CHECK(r.framing.upgrade);
  CHECK(r.text() == "x: 1|upgrade: websocket|connection: upgrade");
}

TEST_CASE("the answer to an extended CONNECT becomes a 101, other answers stay", "[http2]") {
  Response accepted(200), refused(403), plain(200);
  http2::finish_response(accepted.head, "websocket");
  http2::finish_response(refused.head, "websocket");
  http2::finish_response(plain.head, "");
  CHECK(accepted.head.status == 101);
  CHECK(accepted.text() == "upgrade: websocket|connection: upgrade");
  CHECK(refused.head.status == 403);
  CHECK(plain.head.status == 200);
  CHECK(plain.text().empty());
}

TEST_CASE("host gives way to :authority, and is it when there is none", "[http2]") {
  Received both({{":method", "GET"}, {":path", "/"}, {":scheme", "http"}, {":authority", "a"}, {"host", "h"}});
  CHECK(both.head.authority == "a");
  CHECK(both.text().empty());
  Received host({{":method", "GET"}, {":path", "/"}, {":scheme", "http"}, {"host", "h"}});
  CHECK(host.head.authority == "h");
  CHECK(host.text().empty());
}

TEST_CASE("crumbs of cookies become one field", "[http2]") {
  Received r({{":method", "GET"}, {"x", "1"}, {"cookie", "a=b"}, {"y", "2"}, {"cookie", "c=d; e=f"}, {"cookie", "g"}});
  CHECK(r.head.headers.get(http::Name::cookie) == "a=b; c=d; e=f; g");
  CHECK(r.head.headers.size() == 3);
}

TEST_CASE("a request that expects to be told to go on is known", "[http2]") {
  CHECK(Received({{":method", "POST"}, {"expect", "100-Continue"}}).framing.expect_continue);
  CHECK_FALSE(Received({{":method", "POST"}, {"expect", "other"}}).framing.expect_continue);
}

TEST_CASE("trailers leave out what is about the connection", "[http2]") {
  Response r(200, {{"x-t", "1"}, {"connection", "close"}, {"grpc-status", "0"}});
  http2::Fields out;
  http2::trailer_fields(r.head.headers, out);
  CHECK(text_of(out) == "x-t: 1|grpc-status: 0");
}
