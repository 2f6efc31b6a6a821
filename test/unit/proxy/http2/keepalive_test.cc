// PINGs of a quiet connection under a clock in our hands.
#include "proxy/http2/keepalive.h"

#include <catch2/catch.hpp>

using namespace outrigger;
using namespace std::chrono_literals;

namespace {
struct Clock final : TimeSource {
  TimePoint t{Duration(123456789)};
  TimePoint now() const noexcept override { return t; }
  WallTime wall() const noexcept override { return {}; }
};

struct Connection final : http2::KeepaliveOwner {
  explicit Connection(std::optional<http2::Keepalive> c) : config(std::move(c)) {}
  Clock clock;
  event::Timers timers{clock};
  Random random{7};
  std::optional<http2::Keepalive> config;
  int pings = 0, timeouts = 0;
  TimePoint last_ping{};
  http2::KeepaliveClock keepalive{timers, random, config, *this};

  void send_ping() override {
    ++pings;
    last_ping = clock.t;
  }
  void on_keepalive_timeout() override { ++timeouts; }
  void run(Duration d) {
    for (const auto end = clock.t + d; clock.t < end;) {
      clock.t += 1ms;
      timers.run_due();
    }
  }
};

http2::Keepalive every(Duration interval, Duration timeout, std::uint32_t jitter_percent = 0) {
  http2::Keepalive k;
  k.interval = interval;
  k.timeout = timeout;
  k.jitter_percent = jitter_percent;
  return k;
}
}  // namespace

TEST_CASE("without keepalive nothing is sent", "[http2]") {
  Connection c(std::nullopt);
  c.keepalive.on_stream(10h);
  c.run(10s);
  CHECK(c.pings == 0);
  CHECK(c.timers.idle());
}

TEST_CASE("a PING goes after each interval, counted from the answer", "[http2]") {
  Connection c(every(100ms, 1s));
  c.run(110ms);
  CHECK(c.pings == 1);
  c.run(500ms);
  CHECK(c.pings == 1);  // the answer is awaited
  c.keepalive.on_answer();
  c.run(90ms);
  CHECK(c.pings == 1);
  c.run(20ms);
  CHECK(c.pings == 2);
  CHECK(c.timeouts == 0);
}

TEST_CASE("an answer that does not come in time is told once", "[http2]") {
  Connection c(every(100ms, 50ms));
  c.run(140ms);
  CHECK(c.timeouts == 0);
  c.run(20ms);
  CHECK(c.timeouts == 1);
  c.run(10s);
  CHECK(c.timeouts == 1);
}

TEST_CASE("an answer nobody asked for changes nothing", "[http2]") {
  Connection c(every(100ms, 50ms));
  for (int i = 0; i < 10; ++i) {
    c.run(9ms);
    c.keepalive.on_answer();
  }
  c.run(20ms);
  CHECK(c.pings == 1);
}

TEST_CASE("the interval is longer by at most its jitter", "[http2]") {
  Connection c(every(1000ms, 500ms, 20));
  Duration shortest = 1h, longest{0};
  for (int i = 0; i < 300; ++i) {
    const auto before = c.clock.t;
    const int pings = c.pings;
    while (c.pings == pings) c.run(1ms);
    shortest = std::min<Duration>(shortest, c.last_ping - before);
    longest = std::max<Duration>(longest, c.last_ping - before);
    c.keepalive.on_answer();
  }
  CHECK(shortest >= 1000ms);
  CHECK(shortest < 1020ms);
  CHECK(longest > 1180ms);
  CHECK(longest <= 1203ms);
}

TEST_CASE("a stream after a quiet time sends a PING at once", "[http2]") {
  http2::Keepalive k;
  k.timeout = 50ms;
  k.idle_interval = 100ms;
  Connection c(k);
  c.run(10s);
  CHECK(c.pings == 0);
  c.keepalive.on_stream(99ms);
  CHECK(c.pings == 0);
  c.keepalive.on_stream(100ms);
  CHECK(c.pings == 1);
  c.keepalive.on_stream(5s);
  CHECK(c.pings == 1);  // one is under way
  c.keepalive.on_answer();
  c.run(10s);
  CHECK(c.timeouts == 0);
  c.keepalive.on_stream(5s);
  c.run(60ms);
  CHECK(c.timeouts == 1);
}

TEST_CASE("a stopped clock has no timers", "[http2]") {
  Connection c(every(100ms, 50ms));
  c.run(110ms);
  c.keepalive.stop();
  CHECK(c.timers.idle());
  c.run(1s);
  CHECK(c.timeouts == 0);
}
