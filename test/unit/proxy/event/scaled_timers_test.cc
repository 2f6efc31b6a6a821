// Timeouts that shrink while they run, under a clock in our hands.
#include "proxy/event/scaled_timers.h"

#include <catch2/catch.hpp>
#include <memory>

#include "unit/sim/clock.h"

using namespace outrigger;
using namespace std::chrono_literals;
using event::ScaledKind;
using event::TimerMinimum;
using sim::Clock;

namespace {

struct Play {
  explicit Play(std::optional<TimerMinimum> minimum) : scaling(clock, minimums(minimum)) {}
  static event::TimerMinimums minimums(const std::optional<TimerMinimum>& m) {
    event::TimerMinimums all;
    all[static_cast<std::size_t>(ScaledKind::stream_idle)] = m;
    return all;
  }
  void fired() { at = clock.now() - began; }
  void arm(Duration whole) {
    at.reset();
    began = clock.now();
    timer.arm(whole);
  }
  void go(Duration d) {
    for (const auto end = clock.now() + d; clock.now() < end;) {
      clock.go_to(clock.now() + 1ms);
      timers.run_due();
    }
  }
  void scale(double s) { scaling.set_scale(ScaledKind::stream_idle, s); }
  Clock clock;
  event::Timers timers{clock};
  event::ScaledTimers scaling;
  TimePoint began{};
  std::optional<Duration> at;
  event::ScaledAlarm<Play, &Play::fired> timer{timers, &scaling, ScaledKind::stream_idle, *this};
};

}  // namespace

TEST_CASE("the minimum of a timeout", "[timers]") {
  struct Row {
    TimerMinimum minimum;
    Duration whole, least;
  };
  const auto row = GENERATE(values<Row>({{{10ms, {}}, 1s, 10ms},
                                         {{1s, {}}, 1s, 1s},
                                         {{2s, {}}, 1s, 1s},
                                         {{0ms, {}}, 1s, 0ms},
                                         {{0ms, 0.25}, 1s, 250ms},
                                         {{0ms, 0.0}, 1s, 0ms},
                                         {{0ms, 1.0}, 1s, 1s}}));
  CHECK(row.minimum.of(row.whole) == row.least);
}

TEST_CASE("a timeout is as long as the scale says", "[timers]") {
  const auto [scale, end] = GENERATE(table<double, Duration>({{1.0, 1000ms}, {0.5, 600ms}, {0.001, 201ms}, {0.0, 200ms}}));
  Play p(TimerMinimum{200ms, {}});
  p.scale(scale);
  p.arm(1s);
  p.go(end - 1ms);
  CHECK_FALSE(p.at);
  p.go(2ms);
  CHECK(p.at);
  CHECK_FALSE(p.timer.armed());
}

TEST_CASE("one that runs shrinks and grows", "[timers]") {
  Play p(TimerMinimum{0ms, 0.1});
  p.arm(1s);
  p.go(400ms);
  SECTION("what is over already ends at once, not within the call") {
    p.scale(0);
    CHECK_FALSE(p.at);
    p.go(2ms);
    CHECK(p.at);
  }
  SECTION("the rest is shorter") {
    p.scale(0.5);  // 550 ms
    p.go(149ms);
    CHECK_FALSE(p.at);
    p.go(2ms);
    CHECK(p.at);
  }
  SECTION("and longer again") {
    p.scale(0.5);
    p.go(100ms);
    p.scale(1);
    p.go(499ms);
    CHECK_FALSE(p.at);
    p.go(2ms);
    CHECK(p.at);
  }
  SECTION("not when it was cancelled") {
    p.timer.cancel();
    p.scale(0);
    CHECK_FALSE(p.timer.armed());
    p.go(2s);
    CHECK_FALSE(p.at);
  }
  SECTION("not when it is a whole one") {
    p.timer.arm_whole(1s);
    p.scale(0);
    p.go(999ms);
    CHECK_FALSE(p.at);
    p.go(2ms);
    CHECK(p.at);
  }
  SECTION("armed anew, it begins anew") {
    p.arm(1s);
    p.scale(0.5);
    p.go(549ms);
    CHECK_FALSE(p.at);
    p.go(2ms);
    CHECK(p.at);
  }
}

TEST_CASE("what has no minimum, or nothing that scales it, is a plain timer", "[timers]") {
  Play p(std::nullopt);
  event::ScaledAlarm<Play, &Play::fired> plain{p.timers, nullptr, ScaledKind::stream_idle, p};
  p.scale(0);
  SECTION("no minimum") { p.arm(1s); }
  SECTION("nothing scales") { plain.arm(1s); }
  p.go(999ms);
  CHECK_FALSE(p.at);
  p.go(2ms);
  CHECK(p.at);
}

TEST_CASE("scaled timers may end before or after what scales them", "[timers]") {
  Play p(TimerMinimum{0ms, {}});
  auto scaling = std::make_unique<event::ScaledTimers>(p.clock, Play::minimums(TimerMinimum{0ms, {}}));
  auto gone = std::make_unique<event::ScaledAlarm<Play, &Play::fired>>(p.timers, scaling.get(), ScaledKind::stream_idle, p);
  event::ScaledAlarm<Play, &Play::fired> stays{p.timers, scaling.get(), ScaledKind::stream_idle, p};
  gone->arm(1s);
  stays.arm(1s);
  gone.reset();
  scaling->set_scale(ScaledKind::stream_idle, 0.5);
  scaling.reset();
  p.go(600ms);
  CHECK(p.at);
}
