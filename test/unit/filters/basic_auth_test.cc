// basic_auth: lists of names and passwords. As Envoy 1.40 takes them.
#include "filters/basic_auth.h"

#include <catch2/catch.hpp>

using namespace outrigger::filters;

TEST_CASE("lists of passwords", "[basic_auth]") {
  const std::string hash = "tESsBmE/yNY3lb6a0L6vVQEZNqw=";
  const auto said = [](const std::string& text) {
    const auto users = parse_htpasswd(text);
    return users ? std::to_string(users->size()) : users.error().detail;
  };
  struct Row {
    std::string text, want;
  };
  for (const Row& r : {
           Row{"", "0"},
           Row{"\n\n# x:y\n", "0"},
           Row{"a:{SHA}" + hash, "1"},
           Row{"a:{SHA}" + hash + "\nb:{SHA}" + hash + "\n", "2"},
           Row{"a", "basic auth: invalid htpasswd format, username:password is expected"},
           Row{"  \na:{SHA}" + hash, "basic auth: invalid htpasswd format, username:password is expected"},
           Row{":{SHA}" + hash, "basic auth: empty user name or password"},
           Row{"a:", "basic auth: empty user name or password"},
           Row{"a:secret", "basic auth: unsupported htpasswd format: please use {SHA}"},
           Row{"a:$apr1$x$y", "basic auth: unsupported htpasswd format: please use {SHA}"},
           Row{"a:{SHA}" + hash + "\r\n", "basic auth: invalid htpasswd format, invalid SHA hash length"},
           Row{"a:{SHA}x", "basic auth: invalid htpasswd format, invalid SHA hash length"},
           Row{"a:{SHA}" + hash + "\na:{SHA}" + hash, "basic auth: duplicate users"},
       }) {
    INFO(r.text);
    CHECK(said(r.text) == r.want);
  }
}

TEST_CASE("passwords", "[basic_auth]") {
  CHECK(is_password("test1", "tESsBmE/yNY3lb6a0L6vVQEZNqw="));
  CHECK_FALSE(is_password("test2", "tESsBmE/yNY3lb6a0L6vVQEZNqw="));
  CHECK_FALSE(is_password("", "tESsBmE/yNY3lb6a0L6vVQEZNqw="));
  CHECK_FALSE(is_password("test1", ""));
}
