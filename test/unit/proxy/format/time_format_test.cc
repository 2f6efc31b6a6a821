// Formats of times. What a row expects is what Envoy 1.40 prints.
#include <catch2/catch.hpp>

#include "proxy/format/formatter.h"
#include "proxy/format/operator.h"
#include "support/stream.h"

using namespace outrigger;
using namespace std::chrono_literals;

namespace {
std::string at(std::chrono::nanoseconds since, std::string_view format) {
  std::string out;
  format::append_time(WallTime(std::chrono::duration_cast<WallTime::duration>(since)), format, false, out);
  return out;
}
}  // namespace

TEST_CASE("times in UTC", "[time_format]") {
  constexpr auto kTime = 1522796769123456789ns;  // 2018-04-03 23:06:09.123456789
  struct Row {
    const char *format, *want;
  };
  for (const Row& r : {
           Row{"%Y-%m-%dT%H:%M:%S.%3fZ", "2018-04-03T23:06:09.123Z"},
           Row{"%Y/%m/%d", "2018/04/03"},
           Row{"%s", "1522796769"},
           Row{"%s.%3f", "1522796769.123"},
           Row{"%f", "123456789"},
           Row{"%1f", "1"},
           Row{"%3f", "123"},
           Row{"%6f", "123456"},
           Row{"%9f", "123456789"},
           Row{"%3f%3f", "123123"},
           Row{"%b %e %H:%M", "Apr  3 23:06"},
           Row{"%j %a %p", "093 Tue PM"},
           Row{"%E3S", "09.123"},
           Row{"%E3f", "123"},
           Row{"%%Y", "%Y"},
           Row{"plain", "plain"},
           Row{"", ""},
           Row{"[%Y]", "[2018]"},
       }) {
    INFO(r.format);
    CHECK(at(kTime, r.format) == r.want);
  }
}

TEST_CASE("digits below the second keep their zeros", "[time_format]") {
  CHECK(at(1522796769s, "%3f") == "000");
  CHECK(at(1522796769s + 1ms, "%3f") == "001");
  CHECK(at(1522796769s + 999999999ns, "%s.%9f") == "1522796769.999999999");
  CHECK(at(0s, "%Y-%m-%dT%H:%M:%S.%3fZ") == "1970-01-01T00:00:00.000Z");
}

TEST_CASE("start and end of a stream", "[time_format]") {
  test::Facts facts;
  facts.info.start_wall = WallTime(1522796769123ms);
  facts.info.start = TimePoint(1s);
  facts.info.end = facts.info.start + 1877ms;
  const auto print = [&](const char* f) {
    std::string out;
    format::TextFormat::compile(f)->append({&facts.info}, format::Missing::dash, out);
    return out;
  };
  CHECK(print("%START_TIME%") == "2018-04-03T23:06:09.123Z");
  CHECK(print("%START_TIME(%H:%M:%S.%6f)%") == "23:06:09.123000");
  CHECK(print("%START_TIME(%s)% %START_TIME((%Y))%") == "1522796769 (2018)");
  CHECK(print("%EMIT_TIME%") == "2018-04-03T23:06:11.000Z");
}
