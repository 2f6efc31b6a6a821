// Path normalisation. What a row expects is what Envoy 1.40 sends on; null: it answers 400.
#include "proxy/hcm/path.h"

#include <catch2/catch.hpp>

using namespace outrigger;
using namespace outrigger::hcm;

namespace {
struct Row {
  const char *path, *want;
};

/// Null when rejected, else the path; `result` tells which way.
const char* run(const Config& c, std::string_view path, PathResult& result) {
  static thread_local std::string text;
  Arena arena;
  result = normalize_path(c, path, arena);
  text = path;
  return result == PathResult::rejected ? nullptr : text.c_str();
}

void check(const Config& c, const Row& r) {
  INFO(r.path);
  PathResult result;
  const char* got = run(c, r.path, result);
  CHECK(std::string(got == nullptr ? "(400)" : got) == (r.want == nullptr ? "(400)" : r.want));
  if (r.want != nullptr) CHECK(result == (std::string_view(r.path) == r.want ? PathResult::unchanged : PathResult::changed));
}
}  // namespace

TEST_CASE("normalize_path resolves dots and decodes what needs no escape", "[path]") {
  Config c;
  c.normalize_path = true;
  for (const Row& r : {
           Row{"/", "/"},
           Row{"/a", "/a"},
           Row{"/a/", "/a/"},
           Row{"/.", "/"},
           Row{"/./", "/"},
           Row{"/..", "/"},
           Row{"/../", "/"},
           Row{"/../..", "/"},
           Row{"/a/.", "/a/"},
           Row{"/a/./", "/a/"},
           Row{"/a/..", "/"},
           Row{"/a/../", "/"},
           Row{"/a/../b", "/b"},
           Row{"/a/b/../../c", "/c"},
           Row{"/a/b/../..", "/"},
           Row{"/a/b/../../..", "/"},
           Row{"/a/../../b", "/b"},
           Row{"/...", "/..."},
           Row{"/a/...", "/a/..."},
           Row{"/.a", "/.a"},
           Row{"/..a", "/..a"},
           Row{"/a./b", "/a./b"},
           Row{"/a../b", "/a../b"},
           Row{"/.../..", "/"},
           Row{"//", "//"},
           Row{"//a", "//a"},
           Row{"/a//b", "/a//b"},
           Row{"/a//", "/a//"},
           Row{"///", "///"},
           Row{"/a//../b", "/a/b"},
           Row{"/a/..//b", "//b"},
           Row{"/a//..", "/a/"},
           Row{"//..", "/"},
           Row{"/%2e", "/"},
           Row{"/%2E%2e/a", "/a"},
           Row{"/a/%2e./b", "/b"},
           Row{"/a/.%2e", "/"},
           Row{"/a/%2e%2e/b", "/b"},
           Row{"/%2e%2e%2e", "/..."},
           Row{"/a%2e/b", "/a./b"},
           Row{"/%41%5a%61%7a%30%39%2d%2e%5f%7e", "/AZaz09-._~"},
           Row{"/%20", "/%20"},
           Row{"/%2f", "/%2f"},
           Row{"/%2F", "/%2F"},
           Row{"/%5c", "/%5c"},
           Row{"/a%2fb", "/a%2fb"},
           Row{"/%zz", "/%zz"},
           Row{"/%4", "/%4"},
           Row{"/%", "/%"},
           Row{"/%%41", "/%A"},
           Row{"/%4g", "/%4g"},
           Row{"/%00", nullptr},
           Row{"/a%00b", nullptr},
           Row{"/%0a", "/%0a"},
           Row{"/%7f", "/%7f"},
           Row{"/%80", "/%80"},
           Row{"/%c3%a9", "/%c3%a9"},
           Row{"/a\\b", "/a/b"},
           Row{"\\a", nullptr},
           Row{"/a\\..\\b", "/b"},
           Row{"/\\", "//"},
           Row{"/a\\\\b", "/a//b"},
           Row{"/a;b", "/a;b"},
           Row{"/a|b", "/a%7Cb"},
           Row{"/a^b", "/a%5Eb"},
           Row{"/a[b]", "/a[b]"},
           Row{"/a{b}", "/a%7Bb%7D"},
           Row{"/a\"b", "/a%22b"},
           Row{"/a<b>", "/a%3Cb%3E"},
           Row{"/a`b", "/a%60b"},
           Row{"/a?b", "/a?b"},
           Row{"/a?../b", "/a?../b"},
           Row{"/a/../b?x/../y", "/b?x/../y"},
           Row{"/?", "/?"},
           Row{"/a/..?q", "/?q"},
           Row{"/a/.?q", "/a/?q"},
           Row{"?q", nullptr},
           Row{"/a?%41", "/a?%41"},
           Row{"/a?%2e", "/a?%2e"},
           Row{"/a?b\\c", "/a?b\\c"},
           Row{"/a?\"{}", "/a?\"{}"},
           Row{"/a:b", "/a:b"},
           Row{"/a@b", "/a@b"},
           Row{"/a!$&'()*+,=b", "/a!$&'()*+,=b"},
           Row{"/a//b?c//d", "/a//b?c//d"},
           Row{"/.//a", "//a"},
           Row{"/.//", "//"},
           Row{"/a/.//b", "/a//b"},
           Row{"/a/..a", "/a/..a"},
           Row{"/a/%2e%2e%2f..", "/a/..%2f.."},
           Row{"/%2E/a", "/a"},
           Row{"/a/%2E", "/a/"},
           Row{"/a/%2e?x", "/a/?x"},
           Row{"/a%2F..%2Fb", "/a%2F..%2Fb"},
           Row{"/a%5c..%5cb", "/a%5c..%5cb"},
           Row{"/a/b%2f", "/a/b%2f"},
           Row{"/%2f%2f", "/%2f%2f"},
           Row{"/a%2f?%2f", "/a%2f?%2f"},
           Row{"/%252f", "/%252f"},
           Row{"/a%2", "/a%2"},
           Row{"/a%5", "/a%5"},
           Row{"/a/%c", "/a/%c"},
           Row{"/a#b", nullptr},
           Row{"/a?b#c", nullptr},
           Row{"/%23", "/%23"},
       })
    check(c, r);
}

TEST_CASE("parameters of plain dots go with them, up to the next slash", "[path]") {
  Config c;
  c.normalize_path = true;
  for (const Row& r : {
           Row{"/a/..;/b", "/b"},
           Row{"/a/..;x=1/b", "/b"},
           Row{"/a/.;/b", "/a/b"},
           Row{"/a/..;", "/"},
           Row{"/a/.;", "/a/"},
           Row{"/a/..;b", "/"},
           Row{"/..;/..;/b", "/b"},
           Row{"/.;a/b", "/b"},
           Row{"/a/..;;/b", "/b"},
           Row{"/a/..;\\b", "/"},
           Row{"/a/..;?x=/..;/y", "/?x=/..;/y"},
           Row{"/a/b/..;x/../c", "/c"},
           Row{"/a/b/..;%2f../c", "/a/c"},
           Row{"/a/b/..;.//c", "/a//c"},
           Row{"/a/b;/../c", "/a/c"},
           Row{"/a/%2e%2e;/b", "/a/..;/b"},
           Row{"/a/%2E.;/b", "/a/..;/b"},
           Row{"/a/...;/b", "/a/...;/b"},
           Row{"/a/..%3b/b", "/a/..%3b/b"},
           Row{"/a/x..;/b", "/a/x..;/b"},
           Row{"/a\\..;/b", "/a/..;/b"},
           Row{"/;/a", "/;/a"},
       })
    check(c, r);
}

TEST_CASE("merge_slashes looks at the path and not at the query", "[path]") {
  Config c;
  c.merge_slashes = true;
  for (const Row& r : {
           Row{"/", "/"},
           Row{"/a", "/a"},
           Row{"//a", "/a"},
           Row{"/a//b", "/a/b"},
           Row{"/a//", "/a/"},
           Row{"///", "//"},
           Row{"/a//../b", "/a/../b"},
           Row{"/a/..//b", "/a/../b"},
           Row{"/a//..", "/a/.."},
           Row{"//..", "/.."},

           Row{"/a//b?c//d", "/a/b?c//d"},
           Row{"/.//a", "/./a"},
           Row{"/.//", "/./"},
           Row{"/a/.//b", "/a/./b"},
           Row{"/a#b", nullptr},
           Row{"/a?b#c", nullptr},
       })
    check(c, r);
}

TEST_CASE("slashes are merged after dots are resolved", "[path]") {
  Config c;
  c.normalize_path = c.merge_slashes = true;
  for (const Row& r : {
           Row{"//a", "/a"},
           Row{"/a//b", "/a/b"},
           Row{"/a//", "/a/"},
           Row{"///", "//"},
           Row{"/a/..//b", "/b"},
           Row{"/a\\\\b", "/a/b"},
           Row{"/a//b?c//d", "/a/b?c//d"},
           Row{"/.//a", "/a"},
           Row{"/a/.//b", "/a/b"},
       })
    check(c, r);
}

TEST_CASE("escaped slashes are rejected, decoded or answered with a redirect", "[path]") {
  struct EscapedRow {
    const char *path, *rejected, *decoded, *decoded_and_normalized, *redirected;
  };
  Config reject, decode, both, redirect;
  reject.escaped_slashes = Config::reject;
  decode.escaped_slashes = both.escaped_slashes = Config::unescape_and_forward;
  redirect.escaped_slashes = Config::unescape_and_redirect;
  both.normalize_path = redirect.normalize_path = redirect.merge_slashes = true;
  for (const EscapedRow& r : {
           EscapedRow{"/%2e", "/%2e", "/%2e", "/", "/"},
           EscapedRow{"/%2E%2e/a", "/%2E%2e/a", "/%2E%2e/a", "/a", "/a"},
           EscapedRow{"/a/%2e./b", "/a/%2e./b", "/a/%2e./b", "/b", "/b"},
           EscapedRow{"/a/.%2e", "/a/.%2e", "/a/.%2e", "/", "/"},
           EscapedRow{"/a/%2e%2e/b", "/a/%2e%2e/b", "/a/%2e%2e/b", "/b", "/b"},
           EscapedRow{"/%2e%2e%2e", "/%2e%2e%2e", "/%2e%2e%2e", "/...", "/..."},
           EscapedRow{"/a%2e/b", "/a%2e/b", "/a%2e/b", "/a./b", "/a./b"},
           EscapedRow{"/%41%5a%61%7a%30%39%2d%2e%5f%7e", "/%41%5a%61%7a%30%39%2d%2e%5f%7e", "/%41%5a%61%7a%30%39%2d%2e%5f%7e",
                      "/AZaz09-._~", "/AZaz09-._~"},
           EscapedRow{"/%20", "/%20", "/%20", "/%20", "/%20"},
           EscapedRow{"/%2f", nullptr, "//", "//", "//"},
           EscapedRow{"/%2F", nullptr, "//", "//", "//"},
           EscapedRow{"/%5c", nullptr, "/\\", "//", "//"},
           EscapedRow{"/a%2fb", nullptr, "/a/b", "/a/b", "/a/b"},
           EscapedRow{"/a?%2e", "/a?%2e", "/a?%2e", "/a?%2e", "/a?%2e"},
           EscapedRow{"/a/%2e%2e%2f..", nullptr, "/a/%2e%2e/..", "/", "/"},
           EscapedRow{"/%2E/a", "/%2E/a", "/%2E/a", "/a", "/a"},
           EscapedRow{"/a/%2E", "/a/%2E", "/a/%2E", "/a/", "/a/"},
           EscapedRow{"/a/%2e?x", "/a/%2e?x", "/a/%2e?x", "/a/?x", "/a/?x"},
           EscapedRow{"/a%2F..%2Fb", nullptr, "/a/../b", "/b", "/b"},
           EscapedRow{"/a%5c..%5cb", nullptr, "/a\\..\\b", "/b", "/b"},
           EscapedRow{"/a/b%2f", nullptr, "/a/b/", "/a/b/", "/a/b/"},
           EscapedRow{"/%2f%2f", nullptr, "///", "///", "//"},
           EscapedRow{"/a%2f?%2f", nullptr, "/a/?%2f", "/a/?%2f", "/a/?%2f"},
           EscapedRow{"/%252f", "/%252f", "/%252f", "/%252f", "/%252f"},
           EscapedRow{"/a%2", "/a%2", "/a%2", "/a%2", "/a%2"},
           EscapedRow{"/a%5", "/a%5", "/a%5", "/a%5", "/a%5"},
           EscapedRow{"/%23", "/%23", "/%23", "/%23", "/%23"},
       }) {
    INFO(r.path);
    check(reject, {r.path, r.rejected});
    check(decode, {r.path, r.decoded});
    check(both, {r.path, r.decoded_and_normalized});
    PathResult result;
    const char* got = run(redirect, r.path, result);
    CHECK(std::string(got == nullptr ? "(400)" : got) == (r.redirected == nullptr ? "(400)" : r.redirected));
    const bool escaped = std::string_view(r.decoded == nullptr ? r.path : r.decoded) != r.path;
    if (got != nullptr) CHECK((result == PathResult::redirect) == escaped);
  }
}

TEST_CASE("a path is left alone when nothing is asked for, save that it has no fragment", "[path]") {
  const Config c;
  for (const char* path : {"/a/../b", "//a", "/%2F", "/%00", "/a?b", "*", ""}) check(c, {path, path});
  for (const char* path : {"/a#b", "/a?b#c", "#"}) check(c, {path, nullptr});
}
