// Bindings woven into JSON, and arrays cut into their elements as they come.
#include "filters/json_weaver.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace outrigger::filters;

namespace {

JsonBinding bound(std::vector<JsonField> path, std::string value) { return {std::move(path), std::move(value)}; }

const std::vector<JsonBinding> kSome{bound({{"id"}}, "7"), bound({{"part"}, {"name"}}, "n\"\n"), bound({{"tags", true}}, "a"),
                                     bound({{"tags", true}}, "b")};

std::string woven(std::string_view json, std::string_view at = "", bool reject = false) {
  JsonWeaver w(kSome, reject);
  std::string out;
  if (!w.weave(json, at, out)) return "no JSON";
  return w.collision().empty() ? out : w.collision();
}

/// The elements of what comes in pieces of `piece` bytes, and how it ends.
std::string elements(std::string_view text, std::size_t piece) {
  JsonArray array;
  std::string out;
  for (std::size_t i = 0;; i += piece) {
    for (std::string_view element;;) {
      switch (array.next(element)) {
        case JsonArray::Next::element: out += '<' + std::string(element) + '>'; continue;
        case JsonArray::Next::end: return out + " end";
        case JsonArray::Next::object: return out + " object";
        case JsonArray::Next::scalar: return out + " scalar";
        case JsonArray::Next::wrong: return out + " wrong";
        case JsonArray::Next::more: break;
      }
      break;
    }
    if (i >= text.size()) return out + " more";
    array.append(text.substr(i, piece));
  }
}

}  // namespace

TEST_CASE("what is bound comes after what a body says, and gives way to it", "[json_weaver]") {
  const std::string rest = R"("tags":"a","tags":"b","part":{"name":"n\"\u000a"}})";
  struct Row {
    const char* json;
    std::string woven;
  };
  for (const Row& r : {
           Row{"{}", R"({"id":"7",)" + rest},
           Row{" { } ", R"({"id":"7",)" + rest + " "},
           Row{R"({"id": 4})", R"({"id":4,)" + rest},
           Row{R"({id: 4, 'x' : [1, {"id": 2}]})", R"({id:4,'x':[1, {"id": 2}],)" + rest},
           Row{R"({"id": null})", R"({"id":null,"id":"7",)" + rest},
           Row{R"({"part": {"name": "m", "size": 1}, "id": 1})",
               R"({"part":{"name":"m","size":1},"id":1,"tags":"a","tags":"b"})"},
           Row{R"({"part": {"size": 1}, "id": 1, "tags": "c"})",
               R"({"part":{"size":1,"name":"n\"\u000a"},"id":1,"tags":"a","tags":"b","tags":"c"})"},
           Row{R"({"a": "}\"{"})", R"({"a":"}\"{","id":"7",)" + rest},
           Row{"5", "5"},
           Row{"[1]", "[1]"},
           Row{"{", "no JSON"},
           Row{"{\"a\"", "no JSON"},
           Row{"{\"a\":", "no JSON"},
           Row{"{\"a\" 1}", "no JSON"},
           Row{"{\"a\": \"x}", "no JSON"},
           Row{"{\"a\": 1 \"b\": 2}", "no JSON"},
           Row{"{\"a\": ,}", "no JSON"},
           Row{"{: 1}", "no JSON"},
       }) {
    INFO(r.json);
    CHECK(woven(r.json) == r.woven);
  }
}

TEST_CASE("a body may be one field of a message", "[json_weaver]") {
  CHECK(woven("5", "x") == R"({"x":5,"id":"7","tags":"a","tags":"b","part":{"name":"n\"\u000a"}})");
  CHECK(woven("{\"size\": 2}", "part") == R"({"part":{"size":2,"name":"n\"\u000a"},"id":"7","tags":"a","tags":"b"})");
  CHECK(woven("2", "part.size") == R"({"part":{"size":2,"name":"n\"\u000a"},"id":"7","tags":"a","tags":"b"})");
  CHECK(woven("", "x") == "no JSON");
}

TEST_CASE("where told to, a body and a binding that say different things are refused", "[json_weaver]") {
  CHECK(woven(R"({"id": 7, "part": {"name": "n"}})", "", true).starts_with("The binding value"));
  CHECK(woven(R"({"id": 8})", "", true) ==
        "The binding value \"7\" of the field id is conflicting with the value 8 in the body.");
  CHECK(woven(R"({"id": true})", "", true) == "Failed to convert binding value id:\"7\" to bool");
  CHECK(woven(R"({"id": 7.0})", "", true).starts_with("{"));
  CHECK(woven(R"({"id": "7"})", "", true).starts_with("{"));
  CHECK(woven(R"({"tags": "c"})", "", true).starts_with("{"));
}

TEST_CASE("the elements of an array do not depend on the pieces it comes in", "[json_weaver]") {
  struct Row {
    const char *text, *elements;
  };
  for (const Row& r : {
           Row{"[]", " end"},
           Row{" [ ] x", " end"},
           Row{"[1]", "<1> end"},
           Row{"[{\"a\": [1, \"]\"]}, {'b': '}\\''} , []]", "<{\"a\": [1, \"]\"]}><{'b': '}\\''} ><[]> end"},
           Row{"[1, 2", "<1> more"},
           Row{"[\"a", " more"},
           Row{"", " more"},
           Row{"{}", " object"},
           Row{"5", " scalar"},
           Row{"[1}", " wrong"},
           Row{"[,]", " wrong"},
       }) {
    INFO(r.text);
    for (const std::size_t piece : {1, 2, 3, 100}) CHECK(elements(r.text, piece) == r.elements);
  }
}
