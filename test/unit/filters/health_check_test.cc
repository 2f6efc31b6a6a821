// health_check: what is remembered of answers, and for how long.
#include "filters/health_check.h"

#include <catch2/catch.hpp>

using namespace outrigger;
using filters::HealthAnswers;
using namespace std::chrono_literals;

TEST_CASE("an answer is forgotten at the next tick", "[health_check]") {
  HealthAnswers all(100ms);
  const TimePoint start{5s};
  CHECK_FALSE(all.find(start));
  all.put({503, true}, start + 20ms);
  REQUIRE(all.find(start + 99ms));
  CHECK(all.find(start + 99ms)->status == 503);
  CHECK(all.find(start + 99ms)->degraded);
  CHECK_FALSE(all.find(start + 100ms));
  all.put({200, false}, start + 199ms);
  REQUIRE(all.find(start + 199ms));
  CHECK(all.find(start + 199ms)->status == 200);
  CHECK_FALSE(all.find(start + 199ms)->degraded);
  CHECK_FALSE(all.find(start + 200ms));
  CHECK_FALSE(all.find(start + 1h));
}
