#include "proxy/base/json.h"

#include <catch2/catch.hpp>
#include <string>
#include "proxy/base/json_text.h"

using namespace outrigger;

namespace {

/// As it is printed again; "-": it is not JSON.
std::string printed(std::string_view text) {
  const auto v = parse_json_object(text);
  if (!v) return "-";
  std::string out;
  v->append_json(out);
  return out;
}

std::string value(std::string_view text) { return printed("{\"v\":" + std::string(text) + "}"); }

std::string nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

}  // namespace

TEST_CASE("JSON is read as it is written", "[base][json]") {
  CHECK(printed("{}") == "{}");
  CHECK(printed(" {\t\"b\" : 1 ,\r\n\"a\":[ ] } ") == R"({"a":[],"b":1})");
  CHECK(value("[true,false,null,\"x\",{\"y\":[1,2]}]") == R"({"v":[true,false,null,"x",{"y":[1,2]}]})");
  for (const auto* n : {"0", "-1", "1.5", "1501281058", "4102444800", "123456789012345", "0.25"})
    CHECK(value(n) == "{\"v\":" + std::string(n) + "}");
  CHECK(value("1e5") == R"({"v":100000})");
  CHECK(value("1E-400") == R"({"v":0})");
}

TEST_CASE("texts of JSON are UTF-8, escaped or not", "[base][json]") {
  const auto text = [](std::string_view s) { return parse_json_object("{\"v\":" + std::string(s) + "}"); };
  CHECK(text(R"("\u0041\n\"\\\/\b\f\r\t")")->field("v")->text == "A\n\"\\/\b\f\r\t");
  CHECK(text(R"("\ud83d\ude00")")->field("v")->text == "\xf0\x9f\x98\x80");
  CHECK(text("\"\xc3\xa4\"")->field("v")->text == "\xc3\xa4");
  for (const auto* bad : {"\"\xff\"", "\"\xc0\x80\"", "\"\xe0\x80\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xc3\"",
                          "\"a\nb\"", R"("\ud800")", R"("\udc00")", R"("\ud800\u0041")", R"("\u12")", R"("\x")", "\"", "\"\\"})
    CHECK_FALSE(text(bad));
}

TEST_CASE("what is no JSON object is refused", "[base][json]") {
  for (const auto* bad : {"", " ", "{", "}", "[]", "null", "1", "\"a\"", "{}}", "{} {}", "{\"a\"}", "{\"a\":}", "{a:1}",
                          "{\"a\":1,}", "{,}", "{\"a\":1 \"b\":2}", "{\"a\":1,\"a\":1}", "{\"o\":{\"a\":1,\"b\":2,\"a\":3}}"})
    CHECK(printed(bad) == "-");
  for (const auto* bad : {"01",    "1.",  ".5",  "+1",   "-",   "1e",    "1e+", "0x1",   "NaN", "Infinity",
                          "1e400", "tru", "nul", "[1,]", "[,]", "[1 2]", "'a'", "/**/1", "[",   "[1"})
    CHECK(value(bad) == "-");
}

TEST_CASE("how deep JSON is nested has a bound", "[base][json]") {
  CHECK(value(nested(99)) != "-");
  CHECK(value(nested(101)) == "-");
  CHECK(value(std::string(1'000'000, '[')) == "-");
  std::string objects;
  for (int i = 0; i < 200'000; ++i) objects += "{\"a\":";
  CHECK(printed(objects) == "-");
}

TEST_CASE("texts are written as Envoy does, or as protobuf", "[base][json]") {
  struct Row {
    std::string text, want, protobuf;
  };
  for (const Row& r :
       {Row{"", "", ""}, Row{"a\"b\\c", "a\\\"b\\\\c", "a\\\"b\\\\c"}, Row{"\b\f\n\r\t", "\\b\\f\\n\\r\\t", "\\b\\f\\n\\r\\t"},
        Row{std::string("\0\x1f", 2), "\\u0000\\u001f", "\\u0000\\u001f"},
        Row{"\x7f\xc3\xa9/", "\x7f\xc3\xa9/", "\\u007f\xc3\xa9/"}, Row{"<>", "<>", "\\u003c\\u003e"}}) {
    std::string out, protobuf;
    append_json_string(r.text, out);
    append_protobuf_string(r.text, protobuf);
    CHECK(out == '"' + r.want + '"');
    CHECK(protobuf == '"' + r.protobuf + '"');
  }
}
