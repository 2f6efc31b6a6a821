// Which route takes a request. What a row expects is what Envoy 1.40 does.
#include <catch2/catch.hpp>

#include "support/message.h"
#include "support/xds.h"

using namespace outrigger;

namespace {
bool hit(const std::string& match, const test::Request& request, const route::MatchContext& c = {}) {
  const auto config = test::routes("{match: {" + match + "}, direct_response: {status: 200}}");
  return config->match(request.head, c) != nullptr;
}
}  // namespace

TEST_CASE("paths", "[match]") {
  // '+' for each of these that matches
  constexpr std::string_view kPaths[] = {"/",   "/a",  "/A",    "/a/",  "/a/b", "/ab", "/a?b",
                                         "/a?", "/?a", "/a/?x", "/A/b", "/a;x", "*"};
  struct Row {
    const char *match, *hits;
  };
  for (const Row& r : {
           Row{"prefix: /", "++++++++++++-"},
           Row{"prefix: ''", "+++++++++++++"},
           Row{"prefix: /a", "-+-+++++-+-+-"},
           Row{"prefix: /a/", "---++----+---"},
           Row{"prefix: /A, case_sensitive: false", "-+++++++-+++-"},
           Row{"prefix: '/a?'", "-------------"},
           Row{"path: /a", "-+----++-----"},
           Row{"path: /A, case_sensitive: false", "-++---++-----"},
           Row{"path: '/a?b'", "-------------"},
           Row{"path_separated_prefix: /a", "-+-++-++-+---"},
           Row{"path_separated_prefix: /A, case_sensitive: false", "-++++-++-++--"},
           Row{"safe_regex: {regex: /a}", "-+----++-----"},
           Row{"safe_regex: {regex: '/a.*'}", "-+-+++++-+-+-"},
           Row{"safe_regex: {regex: '.*b'}", "----++----+--"},
           Row{"safe_regex: {regex: '/A'}, case_sensitive: false", "--+----------"},
           Row{"connect_matcher: {}", "-------------"},
       }) {
    std::string hits;
    for (const auto path : kPaths) hits += hit(r.match, test::Request(path)) ? '+' : '-';
    INFO(r.match);
    CHECK(hits == r.hits);
  }
}

TEST_CASE("CONNECT has no path, and a matcher of its own", "[match]") {
  const test::Request connect("", {}, "h:443", "CONNECT");
  CHECK(hit("connect_matcher: {}", connect));
  CHECK_FALSE(hit("prefix: /", connect));
  CHECK_FALSE(hit("prefix: ''", connect));
  CHECK_FALSE(hit("safe_regex: {regex: '.*'}", connect));
}

TEST_CASE("query parameters are matched as they are written", "[match]") {
  constexpr std::string_view kPaths[] = {"/",       "/?",        "/?a",       "/?a=",      "/?a=1",   "/?A=1",
                                         "/?b&a",   "/?b=2&a=1", "/?a=1&a=2", "/?a=2&a=1", "/?a=1=2", "/?aa=1",
                                         "/?a%3D1", "/?%61=1",   "/?a=%31",   "/?&a=1",    "/x?y?a=1"};
  struct Row {
    const char *parameters, *hits;
  };
  for (const Row& r : {
           Row{"{name: a}", "--+++-+++++---++-"},
           Row{"{name: a, present_match: true}", "--+++-+++++---++-"},
           Row{"{name: a, present_match: false}", "++---+-----+++--+"},
           Row{"{name: a, string_match: {exact: '1'}}", "----+--++------+-"},
           Row{"{name: a, string_match: {exact: ''}}", "--++--+----------"},
           Row{"{name: a, string_match: {prefix: '1'}}", "----+--++-+----+-"},
           Row{"{name: a, string_match: {safe_regex: {regex: '[0-9]+'}}}", "----+--+++-----+-"},
           Row{"{name: a}, {name: b}", "------++---------"},
       }) {
    std::string hits;
    for (const auto path : kPaths)
      hits += hit(std::string("prefix: /, query_parameters: [") + r.parameters + "]", test::Request(path)) ? '+' : '-';
    INFO(r.parameters);
    CHECK(hits == r.hits);
  }
}

TEST_CASE("the first value of a query parameter", "[match]") {
  struct Row {
    const char *path, *value;  // null: absent
  };
  for (const Row& r : {Row{"/?a=1&a=2", "1"}, Row{"/?a", ""}, Row{"/?a=", ""}, Row{"/?b=a", nullptr}, Row{"/a=1", nullptr},
                       Row{"/?", nullptr}, Row{"/?x&a=b=c&y", "b=c"}, Row{"/?aa=1&a=2", "2"}, Row{"", nullptr}}) {
    INFO(r.path);
    const auto v = route::query_value(r.path, "a");
    CHECK((v.data() == nullptr) == (r.value == nullptr));
    if (r.value != nullptr) CHECK(v == r.value);
  }
}

TEST_CASE("all parts of a match must agree", "[match]") {
  const std::string match =
      "prefix: /a, grpc: {}, headers: [{name: x, string_match: {exact: '1'}}, {name: z, present_match: true}]";
  const test::Fields all{{"x", "1"}, {"z", ""}, {"content-type", "application/grpc"}};
  CHECK(hit(match, test::Request("/a", all)));
  CHECK_FALSE(hit(match, test::Request("/b", all)));
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto fewer = all;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK_FALSE(hit(match, test::Request("/a", fewer)));
  }
}

TEST_CASE("a runtime fraction splits by the request's random number", "[match]") {
  const std::string match = "prefix: /, runtime_fraction: {runtime_key: k, default_value: {numerator: 30}}";
  const runtime::Snapshot plain, half({{"l", {{"k", runtime::number_value(50)}}}}),
      none({{"l", {{"k", runtime::number_value(0)}}}});
  for (const auto& [snapshot, limit] : {std::pair(&plain, 30u), {&half, 50u}, {&none, 0u}})
    for (const std::uint64_t random : {0u, 29u, 30u, 49u, 50u, 99u, 100u, 129u, 130u})
      CHECK(hit(match, test::Request(), {nullptr, snapshot, random}) == (random % 100 < limit));
}

TEST_CASE("the first route that matches wins", "[match]") {
  const auto config = test::routes(
      "{match: {prefix: /a}, name: one, direct_response: {status: 200}}, {match: {prefix: /ab}, name: two, direct_response: "
      "{status: 200}}, "
      "{match: {prefix: /}, name: three, direct_response: {status: 200}}");
  for (const auto& [path, name] : {std::pair("/a", "one"), {"/abc", "one"}, {"/b", "three"}})
    CHECK(config->match(test::Request(path).head, {})->name == name);
}

TEST_CASE("cookies are found in any line and without their quotes", "[match]") {
  const test::Request r("/",
                        {{"cookie", "a=1; b=\"2\"; c"}, {"x", "d=9"}, {"cookie", "a=3;d=4"}, {"cookie", "e=\"; f= 5 ;g=h=i"}});
  for (const auto& [name, value] : {std::pair("a", "1"), {"b", "2"}, {"d", "4"}, {"e", "\""}, {"f", " 5 "}, {"g", "h=i"}})
    CHECK(route::cookie_value(r.head.headers, name) == value);
  for (const char* absent : {"c", "z", "", "1"}) CHECK(route::cookie_value(r.head.headers, absent).data() == nullptr);
}
