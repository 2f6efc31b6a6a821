// Header and string matchers, for one line, several and none. What a row expects is what Envoy 1.40 does.
#include <catch2/catch.hpp>

#include "support/message.h"
#include "support/xds.h"

using namespace outrigger;

namespace {

route::HeaderMatcher matcher(const std::string& specifier) { return test::header_matcher("{name: X, " + specifier + "}"); }

/// '+' for each of these messages that matches, '-' for the others.
std::string hits(const std::string& yaml) {
  const auto m = matcher(yaml);
  std::string out;
  for (const test::Fields& fields : {
           test::Fields{},
           {{"x", ""}},
           {{"x", "a"}},
           {{"x", "A"}},
           {{"x", "ab"}},
           {{"x", "ba"}},
           {{"x", "xay"}},
           {{"x", "a,b"}},
           {{"x", "a"}, {"x", "b"}},
           {{"x", "b"}, {"x", "a"}},
           {{"x", "b"}, {"x", "c"}},
           {{"x", ""}, {"x", "a"}},
       })
    out += m.match(test::Request("/", fields).head) ? '+' : '-';
  return out;
}

}  // namespace

TEST_CASE("string matchers of headers, plain, inverted, and with a missing header as empty", "[matcher]") {
  struct Row {
    const char* specifier;
    // none, "", a, A, ab, ba, xay, "a,b", a+b, b+a, b+c, ""+a
    const char *plain, *inverted, *as_empty, *both;
  };
  for (const Row& r : {
           Row{"string_match: {exact: a}", "--+-----++-+", "-+-+++++--+-", "--+-----++-+", "++-+++++--+-"},
           Row{"string_match: {exact: A, ignore_case: true}", "--++----++-+", "-+--++++--+-", "--++----++-+", "++--++++--+-"},
           Row{"string_match: {prefix: a}", "--+-+--+++-+", "-+-+-++---+-", "--+-+--+++-+", "++-+-++---+-"},
           Row{"string_match: {suffix: a}", "--+--+--++-+", "-+-++-++--+-", "--+--+--++-+", "++-++-++--+-"},
           Row{"string_match: {contains: a}", "--+-++++++-+", "-+-+------+-", "--+-++++++-+", "++-+------+-"},
           Row{"string_match: {contains: A, ignore_case: true}", "--++++++++-+", "-+--------+-", "--++++++++-+", "++--------+-"},
           Row{"string_match: {safe_regex: {regex: 'a.*'}}", "--+-+--+++-+", "-+-+-++---+-", "--+-+--+++-+", "++-+-++---+-"},
           Row{"string_match: {safe_regex: {regex: '.*'}}", "-+++++++++++", "------------", "++++++++++++", "------------"},
           Row{"exact_match: a", "--+-----++-+", "-+-+++++--+-", "--+-----++-+", "++-+++++--+-"},
           Row{"exact_match: ''", "-+++++++++++", "------------", "++++++++++++", "------------"},
           Row{"present_match: true", "-+++++++++++", "+-----------", "++++++++++++", "------------"},
           Row{"present_match: false", "+-----------", "-+++++++++++", "------------", "++++++++++++"},
       }) {
    INFO(r.specifier);
    const std::string s = r.specifier;
    CHECK(hits(s) == r.plain);
    CHECK(hits(s + ", invert_match: true") == r.inverted);
    CHECK(hits(s + ", treat_missing_header_as_empty: true") == r.as_empty);
    CHECK(hits(s + ", invert_match: true, treat_missing_header_as_empty: true") == r.both);
  }
}

TEST_CASE("a matcher without a specifier asks for presence", "[matcher]") {
  route::HeaderMatcher m;
  m.name = "x";
  CHECK(m.match(test::Request("/", {{"x", ""}}).head));
  CHECK_FALSE(m.match(test::Request().head));
}

TEST_CASE("ranges of numbers", "[matcher]") {
  struct Row {
    const char* value;
    bool in;  // [-5, 10)
  };
  const auto m = matcher("range_match: {start: -5, end: 10}"),
             inverted = matcher("range_match: {start: -5, end: 10}, invert_match: true");
  for (const Row& r : {Row{"-6", false}, Row{"-5", true}, Row{"0", true}, Row{"9", true}, Row{"10", false}, Row{"09", true},
                       Row{"+9", true}, Row{"+-5", false}, Row{"+", false}, Row{"-", false}, Row{"", false}, Row{"9x", false},
                       Row{"x9", false}, Row{"1e0", false}, Row{"9.0", false}, Row{"99999999999999999999", false}}) {
    INFO(r.value);
    CHECK(m.match(test::Request("/", {{"x", r.value}}).head) == r.in);
    CHECK(inverted.match(test::Request("/", {{"x", r.value}}).head) == !r.in);
  }
  CHECK_FALSE(m.match(test::Request().head));
  CHECK_FALSE(inverted.match(test::Request().head));
}

TEST_CASE("pseudo-headers and the host can be matched", "[matcher]") {
  struct Row {
    const char *name, *value;
    bool hit;
  };
  const test::Request r("/p?q", {}, "h:80", "PUT");
  for (const Row& row :
       {Row{":path", "/p?q", true}, Row{":path", "/p", false}, Row{":authority", "h:80", true}, Row{"host", "h:80", true},
        Row{"Host", "h:80", true}, Row{":method", "PUT", true}, Row{":scheme", "http", true}, Row{":foo", "x", false}}) {
    const std::string exact = std::string("{name: '") + row.name + "', string_match: {exact: '" + row.value + "'}}";
    CHECK(test::header_matcher(exact).match(r.head) == row.hit);
  }
}

TEST_CASE("of a response the status can be matched", "[matcher]") {
  route::HeaderMatcher m;
  m.name = ":status";
  m.kind = route::HeaderMatcher::range;
  m.first = 500;
  m.last = 600;
  for (const auto& [status, hit] : {std::pair(499u, false), {500u, true}, {599u, true}, {600u, false}})
    CHECK(m.match(test::Response(status).head) == hit);
  m.name = "x";
  CHECK(m.match(test::Response(200, {{"x", "550"}}).head));
}
