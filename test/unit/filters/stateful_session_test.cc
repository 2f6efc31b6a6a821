#include "filters/stateful_session.h"

#include <catch2/catch.hpp>
#include "proxy/base/base64.h"

using namespace outrigger;
using namespace outrigger::filters;
using namespace std::chrono_literals;

namespace {

const WallTime kNow{1'000'000s};

struct Asked {
  explicit Asked(SessionState s) : state(std::move(s)) {}
  std::string operator()(const std::string& bytes, WallTime now = kNow) {
    const std::string value = state.kind == SessionState::cookie ? "k=" + encode_base64(bytes) : encode_base64(bytes);
    http::HeaderMap headers(arena);
    headers.add(state.kind == SessionState::cookie ? std::string_view("cookie") : std::string_view(state.name), value);
    return std::string(state.host_of(headers, now, arena));
  }
  SessionState state;
  Arena arena;
};

SessionState cookie(std::string path = "") {
  SessionState s;
  s.name = "k";
  s.path = std::move(path);
  s.tail = "; HttpOnly";
  return s;
}

TEST_CASE("base64 is taken when it is padded and nothing else is in it", "[base]") {
  const auto decoded = [](std::string_view text) {
    std::string out;
    return decode_base64(text, out) ? out : "-";
  };
  CHECK(decoded("") == "");
  CHECK(decoded("YQ==") == "a");
  CHECK(decoded("YWI=") == "ab");
  CHECK(decoded("YWJj") == "abc");
  CHECK(decoded("+/+/") == "\xfb\xff\xbf");
  for (const char* bad : {"YQ", "YQ=", "Y===", "====", "YR==", "YWJ=", "YW=j", "YQ==YQ==", "YWJ\n", "YW_j", " YWJj", "YWJjZ"})
    CHECK(decoded(bad) == "-");
}

TEST_CASE("a session's cookie is of a path and what is below it", "[session]") {
  struct {
    const char *path, *asked;
    bool concerns;
  } const rows[] = {{"", "/x", true},       {"/", "/x", true},     {"/p", "/p", true},    {"/p", "/p/x", true},
                    {"/p", "/p?x", true},   {"/p", "/p#x", true},  {"/p", "/px", false},  {"/p", "/", false},
                    {"/p", "", false},      {"/p", "/p;x", false}, {"/p/", "/p/x", true}, {"/p/", "/p", false},
                    {"/p/", "/p/?x", true}, {"/p", "/x?/p", false}};
  for (const auto& r : rows) {
    INFO(r.path << " " << r.asked);
    CHECK(cookie(r.path).concerns(r.asked) == r.concerns);
  }
}

std::string message(std::string_view address, std::string_view more = "") {
  std::string out = "\x0a";
  out += static_cast<char>(address.size());
  out += address;
  out += more;
  return out;
}

TEST_CASE("a cookie is a message, or an address as it is", "[session]") {
  Asked asked(cookie());
  CHECK(asked(message("a:1")) == "a:1");
  CHECK(asked("127.0.0.1:12345") == "127.0.0.1:12345");
  CHECK(asked("10.0.0.1:80") == "");  // also is a message, of other fields
  CHECK(asked(message("a:1", "\x10\x7f"), WallTime{127s}) == "a:1");
  CHECK(asked(message("a:1", "\x10\x7f"), WallTime{128s}) == "");
  CHECK(asked(message("a:1", "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")) == "a:1");
  CHECK(asked(message("a:1", message("b:2"))) == "b:2");
  CHECK(asked(message("a:1", "\x18\x01")) == "a:1");
  CHECK(asked("") == "");
  CHECK(asked("\x10\x01") == "");
  for (const std::string whole : {"\x0a\x04"
                                  "a:1",
                                  "\x0a", "\x0b", "\x10\xff",
                                  "\x11"
                                  "1234567"})
    CHECK(asked(whole) == whole);
}

TEST_CASE("what is told is understood", "[session]") {
  Asked asked(cookie());
  asked.state.ttl = 100s;
  http::HeaderMap told(asked.arena);
  asked.state.tell("10.0.0.1:80", told, kNow, asked.arena);
  const std::string line(told.get(http::Name::set_cookie));
  const auto end = line.find("\"; HttpOnly");
  REQUIRE(line.starts_with("k=\""));
  REQUIRE(end != std::string::npos);
  std::string bytes;
  REQUIRE(decode_base64(std::string_view(line).substr(3, end - 3), bytes));
  CHECK(asked(bytes, kNow + 100s) == "10.0.0.1:80");
  CHECK(asked(bytes, kNow + 101s) == "");
}

TEST_CASE("a session's header is an address as it is, and too long a one isn't looked at", "[session]") {
  SessionState s;
  s.kind = SessionState::header;
  s.name = "x-session";
  Asked asked(s);
  CHECK(asked("10.0.0.1:80") == "10.0.0.1:80");
  CHECK(asked(message("a:1")) == message("a:1"));
  CHECK(asked(std::string(768, 'x')).size() == 768);
  CHECK(asked(std::string(769, 'x')) == "");
}

}  // namespace
