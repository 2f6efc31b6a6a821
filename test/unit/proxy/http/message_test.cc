// Heads of messages, status texts, response flags.
#include "proxy/http/message.h"

#include <catch2/catch.hpp>
#include <set>

#include "proxy/http/response_flags.h"
#include "support/message.h"

using namespace outrigger;
using namespace outrigger::http;

TEST_CASE("pseudo-headers are found by name, host as the authority", "[message]") {
  test::Request m("/p", {{"a", "1"}}, "h", "PUT");
  m.head.protocol_upgrade = "websocket";
  struct Row {
    const char *name, *value;  // null: absent
  };
  for (const Row& r :
       {Row{":path", "/p"}, Row{":authority", "h"}, Row{"host", "h"}, Row{":method", "PUT"}, Row{":scheme", "http"},
        Row{":protocol", "websocket"}, Row{"a", "1"}, Row{"b", nullptr}, Row{":status", nullptr}, Row{"", nullptr}}) {
    INFO(r.name);
    const auto* v = m.head.find(r.name);
    CHECK((v != nullptr) == (r.value != nullptr));
    if (r.value != nullptr) CHECK(m.head.get(r.name) == r.value);
  }
  m.head.authority = {};
  CHECK(m.head.find("host") == nullptr);
  CHECK(m.head.get(":authority").empty());
}

TEST_CASE("which requests are gRPC", "[message]") {
  struct Row {
    const char* type;
    bool grpc;
  };
  for (const Row& r : {Row{"application/grpc", true}, Row{"application/grpc+proto", true}, Row{"application/grpc+", true},
                       Row{"application/grpc;x", false}, Row{"application/grpcx", false}, Row{"application/grpc-web", false},
                       Row{"application/grp", false}, Row{"Application/grpc", false}, Row{"", false}})
    CHECK(test::Request("/", {{"content-type", r.type}}).head.is_grpc() == r.grpc);
  CHECK_FALSE(test::Request().head.is_grpc());
}

TEST_CASE("reason phrases", "[message]") {
  for (const auto& [status, text] : {std::pair(100, "Continue"),
                                     {200, "OK"},
                                     {204, "No Content"},
                                     {404, "Not Found"},
                                     {413, "Payload Too Large"},
                                     {431, "Request Header Fields Too Large"},
                                     {503, "Service Unavailable"},
                                     {0, "Unknown"},
                                     {99, "Unknown"},
                                     {299, "Unknown"},
                                     {600, "Unknown"},
                                     {1000, "Unknown"}})
    CHECK(reason_phrase(static_cast<std::uint16_t>(status)) == text);
}

TEST_CASE("protocols and reasons of resets have a text each", "[message]") {
  CHECK(text_of(Protocol::http10) == "HTTP/1.0");
  CHECK(text_of(Protocol::http11) == "HTTP/1.1");
  CHECK(text_of(Protocol::http2) == "HTTP/2");
  CHECK(text_of(Protocol::http3) == "HTTP/3");
  std::set<std::string_view> all;
  for (int r = static_cast<int>(ResetReason::none); r <= static_cast<int>(ResetReason::http1_half_close); ++r)
    all.insert(text_of(static_cast<ResetReason>(r)));
  CHECK(all.size() == static_cast<std::size_t>(ResetReason::http1_half_close) + 1);
  CHECK(text_of(ResetReason::none).empty());
}

TEST_CASE("response flags print in the order they were set, once, short and long", "[message]") {
  ResponseFlags f;
  std::string s, l;
  f.append_short(s);
  f.append_long(l);
  CHECK(s == "-");
  CHECK(l == "-");
  CHECK_FALSE(f.any());
  f.set(Flag::upstream_retry_limit_exceeded);
  f.set(Flag::upstream_connection_failure);
  f.set(Flag::upstream_connection_failure);
  s.clear();
  l.clear();
  f.append_short(s);
  f.append_long(l);
  CHECK(s == "URX,UF");
  CHECK(l == "UpstreamRetryLimitExceeded,UpstreamConnectionFailure");
  CHECK(f.has(Flag::upstream_connection_failure));
  CHECK_FALSE(f.has(Flag::no_route_found));
}

TEST_CASE("every response flag is found by its short name", "[message]") {
  for (unsigned i = 0; i < static_cast<unsigned>(Flag::kCount); ++i) {
    ResponseFlags f;
    f.set(static_cast<Flag>(i));
    std::string text;
    f.append_short(text);
    Flag found;
    REQUIRE(ResponseFlags::parse_short(text, found));
    CHECK(found == static_cast<Flag>(i));
  }
  Flag f;
  for (const char* none : {"", "-", "uf", "UF,URX", "NOPE", "NoRouteFound"}) CHECK_FALSE(ResponseFlags::parse_short(none, f));
}
