// header_to_metadata: numbers and base64 in headers. As Envoy 1.40 reads them.
#include "filters/header_to_metadata.h"

#include <catch2/catch.hpp>
#include <cmath>
#include "proxy/base/base64.h"

using namespace outrigger::filters;
using outrigger::decode_any_base64;

TEST_CASE("numbers", "[header_to_metadata]") {
  struct Row {
    const char* text;
    double want;
  };
  for (const Row& r : {Row{"1", 1}, Row{"-1.5", -1.5}, Row{"1e3", 1000}, Row{" 2\t", 2}, Row{"0x10", 16}, Row{"+3", 3},
                       Row{".5", 0.5}, Row{"5.", 5}, Row{"1e400", HUGE_VAL}, Row{"-inf", -HUGE_VAL}}) {
    INFO(r.text);
    REQUIRE(number_of(r.text));
    CHECK(*number_of(r.text) == r.want);
  }
  for (const char* text : {"", " ", "1x", "1 2", "-", "+-3", "1_0", "e3", "one"}) {
    INFO(text);
    CHECK_FALSE(number_of(text));
  }
  CHECK(std::isnan(*number_of("nan")));
}

TEST_CASE("base64, padded or not", "[header_to_metadata]") {
  const auto decoded = [](const char* text) {
    std::string out;
    return decode_any_base64(text, out) ? out : "wrong";
  };
  CHECK(decoded("aGVsbG8=") == "hello");
  CHECK(decoded("aGVsbG8") == "hello");
  CHECK(decoded("aGVsbG8==") == "hello");
  CHECK(decoded("") == "");
  for (const char* text : {"a", "aGVs bG8=", "***", "aGVsbG9=", "_-_-", "aGVsbG8===", "aG=VsbG8"}) {
    INFO(text);
    CHECK(decoded(text) == "wrong");
  }
}
