// Templates of paths: what is one, which of several fits a path, and what its parts are bound to.
#include "filters/path_template.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace outrigger::filters;

namespace {

/// "segments:verb", variables as "{field=begin-end}", "+after" where one takes the rest.
std::string parsed(std::string_view text) {
  const auto t = PathTemplate::parse(text);
  if (!t) return "none";
  std::string out;
  for (const auto& s : t->segments) (out += '/') += s;
  if (!t->verb.empty()) (out += ':') += t->verb;
  for (const auto& v : t->variables) {
    out += " {";
    for (const auto& f : v.field_path) (out += &f == &v.field_path.front() ? "" : ".") += f;
    out += "=" + std::to_string(v.begin) + "-" + std::to_string(v.end) + "}";
    if (v.rest) out += "+" + std::to_string(v.after);
  }
  return out;
}

/// "target field=value ...", or "none".
std::string found(const PathMatcher& matcher, std::string_view method, std::string_view path, std::string_view query = {}) {
  std::vector<PathMatcher::Binding> bindings;
  const auto target = matcher.find(method, path, &bindings);
  if (!target) return "none";
  if (!query.empty()) matcher.bind_query(query, {"skip", "token"}, bindings);
  std::string out = std::to_string(*target);
  for (const auto& b : bindings) {
    out += ' ';
    for (const auto f : b.field_path) (out += f.data() == b.field_path.front().data() ? "" : ".") += f;
    out += '=' + b.value;
  }
  return out;
}

}  // namespace

TEST_CASE("a template has segments, variables and a verb, or is none", "[path_template]") {
  struct Row {
    const char *text, *parsed;
  };
  for (const Row& r : {
           Row{"/", ""},
           Row{"/a", "/a"},
           Row{"/a/b:c", "/a/b:c"},
           Row{"/*/**", "/*/**"},
           Row{"/{x}", "/* {x=0-1}"},
           Row{"/a/{x.y.z}/b", "/a/*/b {x.y.z=1-2}"},
           Row{"/{x=a/*/b}", "/a/*/b {x=0-3}"},
           Row{"/{x=**}/b:c", "/**/b:c {x=0-1}+1"},
           Row{"/{x=a/**}", "/a/** {x=0-2}+0"},
           Row{"", "none"},
           Row{"a", "none"},
           Row{"//", "none"},
           Row{"/a/", "none"},
           Row{"/a:", "none"},
           Row{"/a:b/c", "none"},
           Row{"/{", "none"},
           Row{"/{}", "none"},
           Row{"/{x", "none"},
           Row{"/{x=}", "none"},
           Row{"/{x.}", "none"},
           Row{"/{x={y}}", "none"},
           Row{"/**/*", "none"},
           Row{"/**/**", "none"},
           Row{"/a}", "none"},
       }) {
    INFO(r.text);
    CHECK(parsed(r.text) == r.parsed);
  }
}

TEST_CASE("the most literal template that fits a path is taken", "[path_template]") {
  PathMatcher m({});
  REQUIRE(m.add("GET", "/", 0));
  REQUIRE(m.add("GET", "/a", 1));
  REQUIRE(m.add("GET", "/{x}", 2));
  REQUIRE(m.add("GET", "/{x}/b", 3));
  REQUIRE(m.add("GET", "/a/{y.z=**}:read", 4));
  REQUIRE(m.add("*", "/any/{x=p/*}/q", 5));
  REQUIRE(m.add("POST", "/a", 6));
  REQUIRE(m.add("GET", "/{x=r/**}/s/t", 7));
  REQUIRE(m.add("GET", "/twice/{x}", 8));
  REQUIRE(m.add("GET", "/twice/{y}", 9));
  CHECK_FALSE(m.add("GET", "no", 10));
  struct Row {
    const char *method, *path, *found;
  };
  for (const Row& r : {
           Row{"GET", "/", "0"},
           Row{"GET", "/a", "1"},
           Row{"GET", "/a/", "1"},
           Row{"POST", "/a", "6"},
           Row{"PUT", "/a", "none"},
           Row{"GET", "/c", "2 x=c"},
           Row{"GET", "/a/b", "3 x=a"},
           Row{"GET", "/a/c", "none"},
           Row{"GET", "/a/c/d:read", "4 y.z=c/d"},
           Row{"GET", "/a:read", "4 y.z="},
           Row{"GET", "/a/c%2Fd/%41:read", "4 y.z=c%2Fd/A"},
           Row{"GET", "/c:other", "2 x=c:other"},
           Row{"PURGE", "/any/p/1%202/q", "5 x=p/1 2"},
           Row{"PURGE", "/any/n/1/q", "none"},
           Row{"GET", "/r/1/2/3/s/t", "7 x=r/1/2/3"},
           Row{"GET", "/r/s/t", "none"},
           Row{"GET", "/r/s/t/s/t", "7 x=r/s/t"},
           Row{"GET", "/r/1/s", "none"},
           Row{"GET", "/twice/1", "none"},
       }) {
    INFO(r.method << ' ' << r.path);
    CHECK(found(m, r.method, r.path) == r.found);
  }
}

TEST_CASE("a query is bound name by name", "[path_template]") {
  PathMatcher plain({}), plus({UrlUnescape::all, true, true});
  REQUIRE(plain.add("GET", "/{x=**}", 1));
  REQUIRE(plus.add("GET", "/{x=**}", 1));
  CHECK(found(plain, "GET", "/p", "a=1&b.c=2&a=3") == "1 x=p a=1 b.c=2 a=3");
  CHECK(found(plain, "GET", "/p", "a&=1&&b=&c=d=e&token=t&skip=s&tokens=u") == "1 x=p b= c=d=e tokens=u");
  CHECK(found(plain, "GET", "/p", "a=1+2%2B&b=%zz%4") == "1 x=p a=1+2+ b=%zz%4");
  CHECK(found(plus, "GET", "/p+q%2Fr:verb", "a=1+2%2B") == "none");
  CHECK(found(plus, "GET", "/p+q%2Fr", "a=1+2%2B") == "1 x=p+q/r a=1 2+");
}
