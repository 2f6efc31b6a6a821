// The timer wheel under a clock in our hands.
#include "proxy/event/timers.h"

#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "proxy/base/random.h"
#include "unit/sim/clock.h"

using namespace outrigger;
using namespace std::chrono_literals;
using sim::Clock;

namespace {
struct Probe final : event::Timer {
  Probe(event::Timers& timers, const Clock& c) : Timer(timers), clock(c) {}
  void on_timer() override {
    fired_at = clock.now();
    ++fired;
  }
  const Clock& clock;
  TimePoint fired_at{};
  int fired = 0;
};
}  // namespace

TEST_CASE("timers fire once, on time, whatever the distance", "[timers]") {
  Clock clock;
  event::Timers timers(clock);
  const auto after = GENERATE(1ms, 63ms, 64ms, 65ms, 4095ms, 4096ms, 15000ms, 3600000ms);
  Probe p(timers, clock);
  p.arm(after);
  const auto due = clock.now() + after;
  while (!p.fired && clock.now() < due + 1s) {
    const auto next = timers.next();
    REQUIRE(next);
    REQUIRE(*next <= due + 2ms);
    clock.go_to(std::max(*next, clock.now() + 1ms));
    timers.run_due();
  }
  REQUIRE(p.fired == 1);
  REQUIRE(p.fired_at >= due);
  REQUIRE(p.fired_at <= due + 3ms);
  REQUIRE(timers.idle());
}

TEST_CASE("cancelled and re-armed timers", "[timers]") {
  Clock clock;
  event::Timers timers(clock);
  Random random(3);
  std::vector<std::unique_ptr<Probe>> probes;
  std::vector<TimePoint> due(200);
  for (int i = 0; i < 200; ++i) probes.push_back(std::make_unique<Probe>(timers, clock));
  for (int step = 0; step < 20000; ++step) {
    const auto i = random.below(200);
    if (random.below(3) == 0) {
      probes[i]->cancel();
      due[i] = {};
    } else {
      const Duration after = std::chrono::milliseconds(1 + random.below(5000));
      probes[i]->arm(after);
      due[i] = clock.now() + after;
    }
    clock.go_to(clock.now() + std::chrono::milliseconds(random.below(20)));
    timers.run_due();
    for (int k = 0; k < 200; ++k) {
      if (due[k] == TimePoint{}) {
        REQUIRE_FALSE(probes[k]->armed());
      } else if (!probes[k]->armed()) {
        REQUIRE(clock.now() >= due[k]);
        due[k] = {};
      } else {
        REQUIRE(clock.now() < due[k] + 3ms);
      }
    }
  }
}
