// Text and JSON formats: parsing, errors with their place, missing values, types.
#include "proxy/format/formatter.h"

#include <catch2/catch.hpp>

#include "support/message.h"
#include "support/stream.h"

using namespace outrigger;
using format::JsonFormat;
using format::TextFormat;
using Json = JsonFormat::Value;

namespace {

Json text(const std::string& s) {
  Json v;
  v.kind = Json::string;
  v.s = s;
  return v;
}
Json number(double n) {
  Json v;
  v.kind = Json::number;
  v.n = n;
  return v;
}
Json object(std::vector<std::pair<std::string, Json>> fields) {
  Json v;
  v.kind = Json::object;
  v.fields = std::move(fields);
  return v;
}
Json list(std::vector<Json> items) {
  Json v;
  v.kind = Json::list;
  v.items = std::move(items);
  return v;
}
Json boolean(bool b) {
  Json v;
  v.kind = Json::boolean;
  v.b = b;
  return v;
}

std::string json(const Json& value, bool omit_empty = false) {
  test::Facts facts;
  facts.info.response_code = 200;
  const test::Request m("/p", {{"x-a", "a\"b"}, {"x-n", "5"}});
  const auto f = JsonFormat::compile(value, {omit_empty});
  REQUIRE(f.has_value());
  std::string out;
  f->append({&facts.info, &m.head}, out);
  return out;
}

}  // namespace

TEST_CASE("text around operators stays, and %% is a percent sign", "[format]") {
  struct Row {
    const char *format, *dash, *empty;
  };
  test::Facts facts;
  const test::Request m("/p", {{"x", "1"}});
  for (const Row& r : {
           Row{"", "", ""},
           Row{"plain", "plain", "plain"},
           Row{"100%%", "100%", "100%"},
           Row{"%%%REQ(x)%%%", "%1%", "%1%"},
           Row{"a%REQ(x)%b%REQ(no)%c", "a1b-c", "a1bc"},
           Row{"%REQ(x)%%REQ(x)%", "11", "11"},
           Row{"%REQ(no)%", "-", ""},
           Row{"{%REQ(x)%}\n", "{1}\n", "{1}\n"},
       }) {
    const auto f = TextFormat::compile(r.format, {}), omitting = TextFormat::compile(r.format, {true});
    REQUIRE(f.has_value());
    std::string dash, empty, omitted;
    f->append({&facts.info, &m.head}, format::Missing::dash, dash);
    f->append({&facts.info, &m.head}, format::Missing::empty, empty);
    omitting->append({&facts.info, &m.head}, format::Missing::dash, omitted);
    CHECK(dash == r.dash);
    CHECK(empty == r.empty);
    CHECK(omitted == r.empty);
  }
}

TEST_CASE("a format without operators is known as a literal", "[format]") {
  CHECK(*TextFormat::compile("a%%b")->literal() == "a%b");
  CHECK(TextFormat::compile("")->literal()->empty());
  CHECK(TextFormat::compile("")->empty());
  CHECK(TextFormat::compile("a%REQ(x)%")->literal() == nullptr);
  CHECK(TextFormat::compile("%REQ(x)%")->literal() == nullptr);
}

TEST_CASE("errors in a format tell where they are", "[format]") {
  struct Row {
    const char* format;
    int position;
    const char* why;
  };
  for (const Row& r : {
           Row{"%", 0, "expected %NAME%, %NAME(argument)% or %NAME(argument):length%"},
           Row{"abc %", 4, "expected %NAME%, %NAME(argument)% or %NAME(argument):length%"},
           Row{"%REQ", 0, "expected %NAME%, %NAME(argument)% or %NAME(argument):length%"},
           Row{"%PROTOCOL% %req(x)%", 11, "expected %NAME%, %NAME(argument)% or %NAME(argument):length%"},
           Row{"100% %PROTOCOL%", 3, "expected %NAME%, %NAME(argument)% or %NAME(argument):length%"},
           Row{"%(x)%", 0, "expected %NAME%, %NAME(argument)% or %NAME(argument):length%"},
           Row{"%REQ(x", 0, "'(' is not closed"},
           Row{"%REQ(x)", 0, "'(' is not closed"},
           Row{"%REQ(x):", 0, "no closing '%'"},
           Row{"%REQ(x):5", 0, "no closing '%'"},
           Row{"%REQ(x):%", 0, "bad length"},
           Row{"%REQ(x):5x%", 0, "bad length"},
           Row{"%REQ(x):-5%", 0, "bad length"},
           Row{"%REQ(x):99999999999999999999%", 0, "bad length"},
           Row{"ab%NOPE%", 2, "Not supported field in StreamInfo: NOPE"},
           Row{"%REQ()%", 0, "REQ requires parameters"},
       }) {
    INFO(r.format);
    const auto f = TextFormat::compile(r.format);
    REQUIRE_FALSE(f.has_value());
    CHECK(f.error().detail ==
          "Incorrect configuration: " + std::string(r.format) + ". At position " + std::to_string(r.position) + ": " + r.why);
  }
}

TEST_CASE("JSON formats sort their keys and keep types", "[format]") {
  CHECK(json(object({{"z", text("%PROTOCOL%")}, {"a", text("%RESPONSE_CODE%")}, {"m", text("x %RESPONSE_CODE%")}})) ==
        "{\"a\":200,\"m\":\"x 200\",\"z\":\"HTTP/1.1\"}\n");
  CHECK(json(object({{"n", number(5)}, {"f", number(1.5)}, {"b", boolean(true)}, {"c", boolean(false)}, {"u", Json{}}})) ==
        "{\"b\":true,\"c\":false,\"f\":1.5,\"n\":5,\"u\":null}\n");
  CHECK(json(object({{"o", object({{"y", text("1")}, {"x", list({text("%REQ(x-n)%"), number(-2), object({})})}})}})) ==
        "{\"o\":{\"x\":[\"5\",-2,{}],\"y\":\"1\"}}\n");
  CHECK(json(object({})) == "{}\n");
  CHECK(json(object({{"a\"\\", text("\x01\n\t %REQ(x-a)%")}})) == "{\"a\\\"\\\\\":\"\\u0001\\n\\t a\\\"b\"}\n");
}

TEST_CASE("JSON formats print null for what is missing, or leave it out", "[format]") {
  const Json value = object({{"a", text("%REQ(no)%")},
                             {"b", text("<%REQ(no)%>")},
                             {"c", text("%DURATION%")},
                             {"d", list({text("%REQ(no)%"), text("1")})},
                             {"e", text("")}});
  CHECK(json(value) == "{\"a\":null,\"b\":\"<->\",\"c\":null,\"d\":[null,\"1\"],\"e\":\"\"}\n");
  CHECK(json(value, true) == "{\"b\":\"<>\",\"d\":[\"1\"],\"e\":\"\"}\n");
}

TEST_CASE("an error in a JSON format is told as in a text", "[format]") {
  const auto f = JsonFormat::compile(object({{"a", object({{"b", list({text("%NOPE%")})}})}}));
  REQUIRE_FALSE(f.has_value());
  CHECK(f.error().detail == "Incorrect configuration: %NOPE%. At position 0: Not supported field in StreamInfo: NOPE");
}
