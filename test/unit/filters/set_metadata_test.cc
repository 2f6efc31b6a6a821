// set_metadata: how what is there and what is added become one. As Envoy 1.40 does it.
#include "filters/set_metadata.h"

#include <google/protobuf/util/json_util.h>
#include <catch2/catch.hpp>
#include "xds/compile/metadata.h"

using namespace outrigger;

TEST_CASE("objects are merged, lists joined, others replaced", "[set_metadata]") {
  const auto value = [](const char* json) {
    google::protobuf::Struct s;
    REQUIRE(google::protobuf::util::JsonStringToMessage(json, &s).ok());
    return xds::compile_metadata_value(s);
  };
  struct Row {
    const char *there, *added, *want;
  };
  for (const Row& r : {
           Row{"{}", R"({"b":1,"a":"x"})", R"({"a":"x","b":1})"},
           Row{R"({"a":1})", "{}", R"({"a":1})"},
           Row{R"({"a":1,"c":true})", R"({"a":2,"b":3,"c":false})", R"({"a":2,"b":3,"c":false})"},
           Row{R"({"s":{"x":1,"y":{"z":1}}})", R"({"s":{"x":2,"y":{"w":2}}})", R"({"s":{"x":2,"y":{"w":2,"z":1}}})"},
           Row{R"({"l":[1,2]})", R"({"l":[2,{"q":1}]})", R"({"l":[1,2,2,{"q":1}]})"},
           Row{R"({"a":1,"b":[1],"c":{"x":1}})", R"({"a":[1],"b":null,"c":"t"})", R"({"a":[1],"b":null,"c":"t"})"},
       }) {
    INFO(r.there << " + " << r.added);
    auto into = value(r.there);
    filters::update_metadata(into, value(r.added));
    std::string text;
    into.append_json(text);
    CHECK(text == r.want);
  }
}
