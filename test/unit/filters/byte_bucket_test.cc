// How many bytes may pass: a second's worth at first, and as time goes on; never more than was asked for.
#include "filters/byte_bucket.h"

#include <catch2/catch.hpp>

using namespace outrigger;
using namespace std::chrono_literals;
using filters::ByteBucket;

TEST_CASE("a bucket of bytes fills at its rate and holds a second's worth", "[bandwidth]") {
  TimePoint now{100s};
  ByteBucket bucket(1024);
  CHECK(bucket.take(0, now) == 0);
  CHECK(bucket.take(1000, now) == 1000);
  CHECK(bucket.take(1000, now) == 24);
  CHECK(bucket.take(1, now) == 0);
  now += 50ms;
  CHECK(bucket.take(1000, now) == 51);
  now += 950us;  // less than a byte's time
  CHECK(bucket.take(1, now) == 1);
  CHECK(bucket.take(1, now) == 0);
  now += 1h;
  CHECK(bucket.take(5000, now) == 1024);
  now -= 100ms;  // of another thread
  CHECK(bucket.take(5000, now) == 0);
}

TEST_CASE("all that passes is never more than the rate allows", "[bandwidth]") {
  for (const std::uint64_t rate : {1ULL, 1024ULL, 3'333'333ULL, 7'000'000'000ULL, ~0ULL}) {
    TimePoint now{1s};
    ByteBucket bucket(rate);
    double taken = 0;
    for (int i = 0; i < 1000; ++i) {
      taken += static_cast<double>(bucket.take(i % 3 == 0 ? UINT64_MAX : 7, now));
      now += std::chrono::microseconds(1 + i * 37 % 9000);
    }
    const double most = static_cast<double>(std::min<std::uint64_t>(rate, std::uint64_t{1} << 50)) *
                        (1 + std::chrono::duration<double>(now - TimePoint{1s}).count());
    CHECK(taken <= most + 1);
    CHECK(taken >= most * 0.9 - 8);
  }
  ByteBucket none(0);
  CHECK(none.take(10, TimePoint{100s}) == 0);
}
