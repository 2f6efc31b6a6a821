// How many tokens a bucket gives, and when.
#include <catch2/catch.hpp>

#include "proxy/base/token_bucket.h"

namespace outrigger {
namespace {

using namespace std::chrono_literals;

TimePoint at(Duration d) { return TimePoint(d); }

TEST_CASE("a bucket is full at first, and empty once that is drawn", "[base]") {
  for (const Duration now : {Duration(1ms), Duration(10s), Duration(100h)}) {  // the clock may be younger than an interval
    TokenBucket b(2, 1, 24h);
    CHECK(b.take(at(now)));
    CHECK(b.take(at(now)));
    CHECK_FALSE(b.take(at(now)));
    CHECK_FALSE(b.take(at(now + 23h)));
    CHECK(b.take(at(now + 24h + 1s)));
    CHECK_FALSE(b.take(at(now + 24h + 1s)));
  }
}

TEST_CASE("tokens come in steadily, and no more than fit", "[base]") {
  TokenBucket b(3, 2, 100ms);
  for (int i = 0; i < 3; ++i) CHECK(b.take(at(1s)));
  CHECK_FALSE(b.take(at(1s + 49ms)));
  CHECK(b.take(at(1s + 51ms)));
  for (int i = 0; i < 3; ++i) CHECK(b.take(at(1h)));
  CHECK_FALSE(b.take(at(1h)));
}

}  // namespace
}  // namespace outrigger
