#include "proxy/listener/http_inspector.h"

#include <catch2/catch.hpp>

using outrigger::listener::HttpLook;
using outrigger::listener::look_for_http;

TEST_CASE("a first line of HTTP/1 is known by its end, in whatever pieces", "[http_inspector]") {
  for (const std::string line : {"GET / HTTP/1.1\r\n", "GET / HTTP/1.1\n", "M-SEARCH * HTTP/1.1\r\n",
                                 "GET http://a.example/x?y HTTP/1.1\r\n", "CONNECT a.example:443 HTTP/1.1\r\n"}) {
    CAPTURE(line);
    CHECK(look_for_http(line) == HttpLook::http11);
    CHECK(look_for_http(line + "host: a\r\n") == HttpLook::http11);
    for (std::size_t n = 0; n < line.size(); ++n) CHECK(look_for_http(line.substr(0, n)) == HttpLook::more);
  }
  CHECK(look_for_http("GET / HTTP/1.0\r\n") == HttpLook::http10);
  CHECK(look_for_http("GET /\r\n") == HttpLook::http10);
}

TEST_CASE("the preface of HTTP/2 is known by its last byte", "[http_inspector]") {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (std::size_t n = 0; n < preface.size(); ++n) CHECK(look_for_http(preface.substr(0, n)) == HttpLook::more);
  CHECK(look_for_http(preface) == HttpLook::http2);
  CHECK(look_for_http(preface + "more") == HttpLook::http2);
}

TEST_CASE("what cannot become a method is known before the line ends", "[http_inspector]") {
  using namespace std::string_literals;
  for (const auto& text : {"\x16\3\1"s, "\0"s, "JRMI\0\2K"s, "GE(T"s, "\r\n"s, "\n"s, "caf\xc3\xa9"s})
    CHECK(look_for_http(text) == HttpLook::none);
}

TEST_CASE("lines that are no request line are none", "[http_inspector]") {
  for (const std::string line : {"hello\r\n", "GET / HTTP/x.y\r\n", "GET / http/1.1\r\n", "GET x HTTP/1.1\r\n", "SSH-2.0-x\r\n",
                                 "GET /\x80 HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n"}) {
    CAPTURE(line);
    CHECK(look_for_http(line) == HttpLook::none);
  }
}
