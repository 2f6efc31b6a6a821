// api_key_auth: where keys are found, and how they are taken out of requests. As Envoy 1.40 does.
#include "filters/api_key_auth.h"

#include <catch2/catch.hpp>
#include "proxy/http/message.h"

using namespace outrigger;
using namespace outrigger::filters;

namespace {

const KeySource kHeader{KeySource::header, "x-key"}, kQuery{KeySource::query, "key"}, kCookie{KeySource::cookie, "key"};

}  // namespace

TEST_CASE("the first key that is not empty counts", "[api_key_auth]") {
  struct Row {
    KeySources sources;
    std::string path, header, cookie, want;
  };
  for (const Row& r : {
           Row{{}, "/?key=a", "b", "key=c", ""},
           Row{{kHeader, kQuery, kCookie}, "/?key=a", "b", "key=c", "b"},
           Row{{kHeader, kQuery, kCookie}, "/?key=a", "", "key=c", "a"},
           Row{{kHeader, kQuery, kCookie}, "/?key=", "", "key=c", "c"},
           Row{{kHeader, kQuery, kCookie}, "/", "", "key=", ""},
           Row{{kCookie, kQuery}, "/?key=a", "", "key=\"c\"", "c"},
           Row{{kHeader}, "/", "Bearer b", "", "b"},
           Row{{kHeader}, "/", "Bearer ", "", ""},  // not in HTTP/1: the blank is no part of the value
           Row{{kHeader}, "/", "Bearer", "", "Bearer"},
           Row{{kQuery}, "/?%6bey=%41", "", "", "A"},
       }) {
    Arena arena;
    http::RequestHead head(arena);
    head.path = r.path;
    if (!r.header.empty()) head.headers.add("x-key", r.header);
    if (!r.cookie.empty()) head.headers.add("cookie", r.cookie);
    INFO(r.path << " " << r.header << " " << r.cookie);
    CHECK(find_key(r.sources, head) == r.want);
  }
}

TEST_CASE("a cookie is taken out", "[api_key_auth]") {
  struct Row {
    std::vector<std::string> cookies;
    std::string want;
  };
  for (const Row& r : {
           Row{{"key=1"}, ""},
           Row{{"a=b"}, "a=b"},
           Row{{"a=b;key=1;c=d"}, "a=b; c=d"},
           Row{{"key=1;a=b;;c"}, "a=b"},
           Row{{";;;;=;=;="}, "=; =; ="},
           Row{{"a=\"b\"; c=\"; d=\"\""}, "a=b; c=\"; d="},
           Row{{"key=1", "a=b", "c=d; key=2"}, "a=b; c=d"},
       }) {
    Arena arena;
    http::HeaderMap headers(arena);
    for (const auto& c : r.cookies) headers.add("cookie", c);
    remove_cookie(headers, "key");
    INFO(r.cookies.front());
    CHECK(headers.get("cookie") == r.want);
    CHECK(headers.size() == (r.want.empty() ? 0u : 1u));
  }
}
