#include "proxy/cel/program.h"

#include <catch2/catch.hpp>
#include "proxy/http/connection_facts.h"
#include "proxy/http/stream_info.h"

namespace outrigger::cel {

namespace {

/// What expressions are asked about.
struct Fixture {
  Arena arena;
  http::RequestHead request{arena};
  http::ConnectionInfo connection;
  http::StreamInfo info;
  Fixture() {
    request.method = "GET";
    request.path = "/a?b=c";
    request.authority = "h.example";
    request.headers.add("x-a", "one");
    request.headers.add("x-m", "1");
    request.headers.add("x-m", "2");
    info.connection = &connection;
    info.response_code = 200;
  }
  format::Context context() const { return {.info = &info, .request = &request}; }
};

std::string problem_of(std::string_view text) {
  const auto p = Program::compile(text);
  return p ? "none" : p.error().detail;
}

}  // namespace

TEST_CASE("An expression that is not understood is refused with its place") {
  struct Case {
    std::string_view text, problem;
  };
  const Case cases[] = {
      {"", "at 1: the expression ends too early"},
      {"request.path == ", "at 17: the expression ends too early"},
      {"(1", "at 3: the expression ends too early"},
      {"1)", "at 2: unexpected ')'"},
      {"\"abc", "at 1: a string that does not end"},
      {"'\\q'", "at 1: a string with an unknown escape"},
      {"'\\ud800'", "at 1: a string with an unknown escape"},
      {"a # b", "at 3: a character that is no part of the language"},
      {"'é' # b", "at 5: a character that is no part of the language"},
      {"1 2", "at 3: an unexpected literal"},
      {"if == 1", "at 1: 'if' is a reserved word"},
      {"9223372036854775808 == 1", "at 1: a number that does not fit"},
      {"-9223372036854775809 == 1", "at 2: a number that does not fit"},
      {"18446744073709551616u == 1u", "at 1: a number that does not fit"},
      {"has(request)", "at 1: has() argument must be a field selection"},
      {"Foo{a: 1}", "at 1: messages are not implemented"},
      {"{'a': 1}['a'] == 1", "at 1: maps are not implemented"},
      {"[1].all(x, x > 0)", "at 5: 'all' is a loop, which Envoy does not allow either"},
      {"string(1) == '1'", "at 1: 'string' is not implemented"},
      {"request.time.getFullYear() > 1", "at 14: 'getFullYear' is not implemented"},
      {"'a'.size(1) == 1", "at 5: 'size' with 2 arguments"},
      {"'a'.matches('[')", "at 13: invalid regular expression: missing ]: ["},
      {"'a'.matches('(a{10}){12}')", "at 13: regular expression exceeds max allowed size"},
      {"'a'.matches(request.path)", "at 21: matches() with a pattern that is worked out is not implemented"},
      {"1 == 1 || xds.node.id == 'a'", "at 15: 'xds.node' is known to Envoy and not implemented"},
      {"upstream_filter_state['a'] == 'b'", "at 1: 'upstream_filter_state' is known to Envoy and not implemented"},
      {"request == null", "at 1: 'request' is implemented only with one of its fields behind it"},
      {"request[request.path] == 'a'", "at 17: 'request' with a name that is worked out is not implemented"},
      {"size(filter_state) == 0", "at 1: the size of that is not implemented"},
  };
  for (const auto& c : cases) CHECK(problem_of(c.text) == c.problem);
}

TEST_CASE("What is nested too deep or too large is refused, not run") {
  const auto repeated = [](std::string_view what, int times) {
    std::string s;
    for (int i = 0; i < times; ++i) s += what;
    return s;
  };
  for (const auto& text : {repeated("(", 5000), repeated("!", 5000) + "true", repeated("[", 5000), "1" + repeated("+1", 5000),
                           "a" + repeated(".a", 5000), "a" + repeated("[0]", 5000), repeated("true?true:", 5000) + "true",
                           repeated("-", 5000) + "1", repeated("size(", 5000)})
    CHECK(problem_of(text) != "none");
  CHECK(problem_of("true" + repeated("||true", 3000)) == "none");
  CHECK(problem_of("true" + repeated("&&true", 5000)).ends_with("too large"));
}

TEST_CASE("A name that nothing stands behind is warned of, and has no value") {
  Fixture f;
  std::vector<std::string> warnings;
  const auto p = Program::compile("request.pth == '/a' || foo", &warnings);
  REQUIRE(p);
  CHECK_FALSE((*p)->holds(f.context()));
  CHECK(warnings == std::vector<std::string>{"at 9: there is no 'request.pth': what needs it is never true",
                                             "at 24: there is no 'foo': what needs it is never true"});
}

TEST_CASE("An operand that decides makes up for those that have no value") {
  Fixture f;
  const auto value = [&](std::string_view text) {
    const auto p = Program::compile(text);
    REQUIRE(p);
    const Value v = (*p)->evaluate(f.context());
    return v.is_error() ? 'e' : v.is_true() ? 't' : 'f';
  };
  CHECK(value("foo || true") == 't');
  CHECK(value("foo || false") == 'e');
  CHECK(value("foo && false") == 'f');
  CHECK(value("foo && true") == 'e');
  CHECK(value("!foo") == 'e');
  CHECK(value("foo ? true : true") == 'e');
  CHECK(value("has(request.headers.zz)") == 'f');
  CHECK(value("has(request.headers['zz'].zz)") == 'e');
  CHECK(value("request.headers['x-m'] == '1,2'") == 't');
  CHECK(value("response.code >= 400 || connection.mtls") == 'f');
  f.info.response_code = 0;
  CHECK(value("response.code >= 400 || connection.mtls") == 'e');
}

TEST_CASE("Lists in lists keep their items apart") {
  Fixture f;
  const auto p = Program::compile("[[1, 2], [request.path, [3]]] == [[1, 2], ['/a?b=c', [3]]]");
  REQUIRE(p);
  for (int i = 0; i < 3; ++i) CHECK((*p)->holds(f.context()));
}

}  // namespace outrigger::cel
