#include "proxy/base/wire.h"

#include <catch2/catch.hpp>

using namespace outrigger;
using namespace std::string_view_literals;

TEST_CASE("fields are written as they are read", "[base][wire]") {
  std::string message;
  put_wire_bytes(1, "text", message);
  put_wire_number(2, 300, message);
  put_wire_bytes(16, std::string(200, 'x'), message);
  CHECK(message.starts_with("\x0a\x04text\x10\xac\x02\x82\x01\xc8\x01x"sv));
  WireReader r(message);
  REQUIRE(r.next());
  CHECK((r.field() == 1 && r.has_bytes() && !r.has_number() && r.bytes() == "text"));
  REQUIRE(r.next());
  CHECK((r.field() == 2 && r.has_number() && !r.has_bytes() && r.number() == 300));
  REQUIRE(r.next());
  CHECK((r.field() == 16 && r.bytes().size() == 200));
  CHECK_FALSE(r.next());
  CHECK(r.ok());
}

TEST_CASE("what is neither a number nor bytes is passed over", "[base][wire]") {
  const auto group = "\x0b\x08\x07\x12\x01z\x0c"sv, fixed = "\x09\x31\x32\x33\x34\x35\x36\x37\x38\x0d\x31\x32\x33\x34"sv;
  for (const auto message : {group, fixed}) {
    WireReader r(message);
    while (r.next()) CHECK((!r.has_number() && !r.has_bytes()));
    CHECK(r.ok());
  }
}

TEST_CASE("bytes that are no message are told", "[base][wire]") {
  for (const auto bad : {"\x08"sv, "\x12\x05zz"sv, "\x0b\x08\x07"sv, "\x0c"sv, "\x00\x01"sv, "\x0e"sv, "\x09\x31"sv}) {
    WireReader r(bad);
    while (r.next()) {}
    CHECK_FALSE(r.ok());
  }
}
