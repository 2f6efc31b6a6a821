// HTTP/1 response heads, as Envoy takes them from an upstream.
#include <catch2/catch.hpp>

#include "support/h1.h"

using namespace outrigger;
using namespace outrigger::http;
using test::ParsedResponse;

TEST_CASE("status lines", "[h1]") {
  struct Row {
    const char* line;
    int status;  // -1: refused
    Protocol protocol = Protocol::http11;
  };
  for (const Row& r : {
           Row{"HTTP/1.1 200 OK", 200},
           Row{"HTTP/1.1 200", 200},
           Row{"HTTP/1.1 200 ", 200},
           Row{"HTTP/1.1 404 a b c", 404},
           Row{"HTTP/1.0 200 OK", 200, Protocol::http10},
           Row{"HTTP/1.2 200 OK", 200, Protocol::http10},
           Row{"HTTP/2.0 200 OK", 200, Protocol::http10},
           Row{"HTTP/1.1 99 x", 99},
           Row{"HTTP/1.1 1000 x", 1000},
           Row{"HTTP/1.1 10000 x", -1},
           Row{"HTTP/1.1  200 OK", -1},
           Row{"HTTP/1.1 2x0 OK", -1},
           Row{"HTTP/1.1 OK", -1},
           Row{"HTTP/1.1", -1},
           Row{"http/1.1 200 OK", -1},
           Row{"HTTP/1 200 OK", -1},
           Row{"garbage", -1},
           Row{"", -1},
           Row{"HTTP/1.1 -20 OK", -1},
       }) {
    INFO(r.line);
    const ParsedResponse p(std::string(r.line) + "\r\nContent-Length: 0\r\n\r\n");
    CHECK(bool(p.error) == (r.status < 0));
    if (r.status < 0) continue;
    CHECK(p.head.status == r.status);
    CHECK(p.head.protocol == r.protocol);
  }
}

TEST_CASE("how a response's body is framed", "[h1]") {
  struct Row {
    const char *method, *status, *fields;
    Framing::Kind kind;
    std::uint64_t bytes;
    bool keep_alive;
  };
  for (const Row& r : {
           Row{"GET", "200", "Content-Length: 5\r\n", Framing::length, 5, true},
           Row{"GET", "200", "Content-Length: 0\r\n", Framing::none, 0, true},
           Row{"GET", "200", "Transfer-Encoding: chunked\r\n", Framing::chunked, 0, true},
           Row{"GET", "200", "", Framing::until_close, 0, false},
           Row{"HEAD", "200", "Content-Length: 5\r\n", Framing::none, 0, true},
           Row{"HEAD", "200", "Transfer-Encoding: chunked\r\n", Framing::none, 0, true},
           Row{"HEAD", "200", "", Framing::none, 0, true},
           Row{"GET", "204", "", Framing::none, 0, true},
           Row{"GET", "204", "Content-Length: 0\r\n", Framing::none, 0, true},
           Row{"GET", "304", "Content-Length: 5\r\n", Framing::none, 0, true},
           Row{"GET", "304", "", Framing::none, 0, true},
           Row{"GET", "100", "", Framing::none, 0, true},
           Row{"GET", "199", "", Framing::none, 0, true},
           Row{"CONNECT", "200", "", Framing::none, 0, true},
           Row{"CONNECT", "299", "", Framing::none, 0, true},
           Row{"CONNECT", "300", "", Framing::until_close, 0, false},
           Row{"GET", "200", "Content-Length: 5\r\nConnection: close\r\n", Framing::length, 5, false},
       }) {
    INFO(r.method << ' ' << r.status << ' ' << r.fields);
    const ParsedResponse p(std::string("HTTP/1.1 ") + r.status + " X\r\n" + r.fields + "\r\n", r.method);
    REQUIRE_FALSE(p.error);
    CHECK(p.framing.kind == r.kind);
    if (r.kind == Framing::length) CHECK(p.framing.bytes == r.bytes);
    CHECK(p.framing.keep_alive == r.keep_alive);
  }
}

TEST_CASE("a response of HTTP/1.0 keeps the connection only when it says so", "[h1]") {
  for (const auto& [fields, keep] :
       {std::pair("", false), {"Connection: keep-alive\r\n", true}, {"Connection: close\r\n", false}}) {
    const ParsedResponse p(std::string("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n") + fields + "\r\n");
    REQUIRE_FALSE(p.error);
    CHECK(p.framing.keep_alive == keep);
  }
}

TEST_CASE("responses that are refused, or changed", "[h1]") {
  struct Row {
    const char *status, *fields;
  };
  for (const Row& r : {
           Row{"200", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"},
           Row{"200", "Transfer-Encoding: gzip\r\n"},
           Row{"200", "Content-Length: 1\r\nContent-Length: 1\r\n"},
           Row{"200", "Content-Length: x\r\n"},
           Row{"204", "Content-Length: 1\r\n"},
           Row{"204", "Transfer-Encoding: chunked\r\n"},
           Row{"100", "Transfer-Encoding: chunked\r\n"},
           Row{"200", "bad name: x\r\n"},
           Row{"200", "x: \x01\r\n"},
       }) {
    INFO(r.status << ' ' << r.fields);
    CHECK(ParsedResponse(std::string("HTTP/1.1 ") + r.status + " X\r\n" + r.fields + "\r\n").error);
  }
  CHECK(ParsedResponse("HTTP/1.1 204 X\r\nContent-Length: 0\r\nA: b\r\n\r\n").fields() == "a: b");
  Http1Options o;
  o.allow_chunked_length = true;
  const ParsedResponse both("HTTP/1.1 200 X\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", o);
  REQUIRE_FALSE(both.error);
  CHECK(both.framing.kind == Framing::chunked);
  CHECK(both.fields() == "transfer-encoding: chunked");
}

TEST_CASE("what a response says of an upgrade", "[h1]") {
  CHECK(ParsedResponse("HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").framing.upgrade);
  CHECK_FALSE(ParsedResponse("HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n").framing.upgrade);
  CHECK_FALSE(ParsedResponse("HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n").framing.upgrade);
}
