// adaptive_concurrency: when the limit changes, and to what. As Envoy 1.40 reckons.
#include "filters/gradient_controller.h"

#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <thread>
#include "proxy/stats/stats.h"

using namespace outrigger;
using namespace outrigger::filters;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  explicit Fixture(GradientConfig c, std::map<std::string, double> values = {}) : config(std::move(c)) {
    runtime::Layer layer;
    for (const auto& [key, value] : values)
      layer.emplace("adaptive_concurrency.gradient_controller." + key, runtime::number_value(value));
    snapshot = runtime::Snapshot({{"static", layer}});
    config.stats = stats::make_block<GradientStat>(registry, "g.");
    controller.emplace(config);
    for (const auto g : {GradientStat::concurrency_limit, GradientStat::min_rtt_calculation_active, GradientStat::min_rtt_msecs})
      registry.set(config.stats, g, controller->initial(g));
  }
  GradientController::Now at(Duration d) { return {TimePoint(1h + d), snapshot, random, cells}; }
  bool begin(Duration d) { return controller->begin(at(d)); }
  /// A request from `from` on that takes so long.
  void request(Duration from, Duration takes) {
    REQUIRE(begin(from));
    controller->done(at(from).time, at(from + takes));
  }
  std::uint64_t gauge(GradientStat g) const { return registry.value(config.stats, g); }
  std::uint64_t limit() const { return gauge(GradientStat::concurrency_limit); }
  bool measuring() const { return gauge(GradientStat::min_rtt_calculation_active) != 0; }

  stats::Registry registry;
  stats::Cells& cells = registry.new_cells();
  Random random{1};
  runtime::Snapshot snapshot;
  GradientConfig config;
  std::optional<GradientController> controller;
};

GradientConfig measured() {
  GradientConfig c;
  c.update_interval = 100;
  c.min_rtt_interval = 10'000;
  c.min_rtt_requests = 2;
  c.jitter = 0;
  return c;
}
GradientConfig fixed(Duration min_rtt) {
  auto c = measured();
  c.fixed_min_rtt = min_rtt;
  return c;
}

}  // namespace

TEST_CASE("requests up to the limit are let in", "[adaptive_concurrency]") {
  Fixture f(measured());
  CHECK(f.limit() == 3);
  for (int i = 0; i < 3; ++i) CHECK(f.begin(0s));
  CHECK_FALSE(f.begin(0s));
  CHECK_FALSE(f.begin(0s));
  CHECK(f.gauge(GradientStat::rq_blocked) == 2);
  f.controller->cancel();
  CHECK(f.begin(0s));
  CHECK_FALSE(f.begin(0s));
  f.controller->done(f.at(0s).time, f.at(1ms));
  CHECK(f.begin(1ms));
}

TEST_CASE("the shortest time is measured over as many requests as the config says", "[adaptive_concurrency]") {
  Fixture f(measured());
  CHECK(f.measuring());
  f.request(0s, 10ms);
  f.request(1s, 10ms);  // no sample ends meanwhile
  CHECK_FALSE(f.measuring());
  CHECK(f.gauge(GradientStat::min_rtt_msecs) == 10);
  CHECK(f.gauge(GradientStat::sample_rtt_msecs) == 0);
  CHECK(f.limit() == 3);

  SECTION("and the limit follows from the samples of each interval") {
    f.request(1020ms, 10ms);
    f.request(1109999us, 0us);  // before its end
    CHECK(f.limit() == 3);
    REQUIRE(f.begin(1110ms));
    CHECK(f.gauge(GradientStat::sample_rtt_msecs) == 0);  // of 0 ms and 10 ms the lower half
    CHECK(f.gauge(GradientStat::gradient) == 2000);
    CHECK(f.limit() == 8);  // 6, and its root
  }
  SECTION("an interval without samples changes nothing, and keeps step") {
    REQUIRE(f.begin(1330ms));
    f.controller->done(f.at(1330ms).time, f.at(1339ms));
    CHECK(f.begin(1409999us));
    CHECK(f.limit() == 3);
    CHECK(f.begin(1410ms));
    CHECK(f.limit() > 3);
  }
  SECTION("it is measured again after its interval, without what began before") {
    REQUIRE(f.begin(11009999us));
    CHECK_FALSE(f.measuring());
    REQUIRE(f.begin(11010ms));
    CHECK(f.measuring());
    f.controller->done(f.at(11009999us).time, f.at(11020ms));
    f.controller->done(f.at(11010ms).time, f.at(11031ms));
    CHECK(f.measuring());
    f.request(11040ms, 21ms);
    CHECK_FALSE(f.measuring());
    CHECK(f.gauge(GradientStat::min_rtt_msecs) == 21);
  }
  SECTION("the limit is the least meanwhile, and afterwards what it was") {
    f.request(1020ms, 10ms);
    REQUIRE(f.begin(1200ms));
    const auto before = f.limit();
    CHECK(before > 3);
    REQUIRE(f.begin(12s));
    CHECK(f.limit() == 3);
    f.controller->done(f.at(12s).time, f.at(12010ms));
    f.request(12020ms, 10ms);
    CHECK(f.limit() == before);
  }
}

TEST_CASE("the next limit", "[adaptive_concurrency]") {
  struct Row {
    Duration shortest, takes;
    double buffer;
    std::uint32_t least, most;
    std::uint64_t gradient, headroom, limit;
  };
  for (const Row& r : {
           Row{100ms, 10ms, 25, 3, 1000, 2000, 2, 8},  // 6 + 2.4
           Row{100ms, 10ms, 25, 3, 8, 2000, 2, 8},     // as much as may be
           Row{100ms, 10ms, 25, 3, 7, 2000, 2, 7},     // no more
           Row{10ms, 1000ms, 25, 3, 1000, 500, 1, 3},  // 1.5 + 1.2: the least
           Row{10ms, 1000ms, 25, 100, 1000, 500, 7, 100}, Row{100ms, 10ms, 25, 100, 1000, 2000, 14, 214},
           Row{10ms, 10ms, 0, 100, 1000, 952, 9, 104},  // what is in a bin is taken to be in its middle
           Row{10ms, 10ms, 100, 100, 1000, 1904, 13, 204},
           Row{10ms, 10ms, 100, 100, 50, 1904, 13, 100},  // the least is above the most
       }) {
    INFO(r.shortest.count() << " " << r.takes.count() << " " << r.buffer << " " << r.most);
    auto c = fixed(r.shortest);
    c.buffer = r.buffer;
    c.limit_min = r.least;
    c.limit_max = r.most;
    Fixture f(c);
    CHECK(f.gauge(GradientStat::min_rtt_msecs) == static_cast<std::uint64_t>(r.shortest / 1ms));
    f.request(0s, r.takes);
    REQUIRE(f.begin(5s));
    CHECK(f.gauge(GradientStat::gradient) == r.gradient);
    CHECK(f.gauge(GradientStat::burst_queue_size) == r.headroom);
    CHECK(f.limit() == r.limit);
  }
}

TEST_CASE("the percentile", "[adaptive_concurrency]") {
  struct Row {
    double percentile;
    std::uint64_t ms;
  };
  for (const Row& r : {Row{0, 10}, Row{10, 10}, Row{50, 50}, Row{51, 60}, Row{90, 90}, Row{100, 100}}) {
    auto c = fixed(1s);
    c.percentile = r.percentile;
    c.update_interval = 10'000;
    Fixture f(c);
    for (int i = 1; i <= 10; ++i) f.request(std::chrono::seconds(i) / 10, i * 10ms + 100us);
    REQUIRE(f.begin(20s));
    INFO(r.percentile);
    CHECK(f.gauge(GradientStat::sample_rtt_msecs) / 10 * 10 == r.ms);
  }
}

TEST_CASE("a limit that stays at the least is measured anew", "[adaptive_concurrency]") {
  Fixture f(measured());
  f.request(0s, 1ms);
  f.request(0s, 1ms);
  REQUIRE_FALSE(f.measuring());
  for (int i = 1; i <= 6; ++i) {
    INFO(i);
    f.request(200ms * i, 50ms);  // its first half ends the sample before it
    CHECK(f.measuring() == (i == 6));
  }
  Fixture never(fixed(1ms));
  for (int i = 1; i <= 20; ++i) never.request(200ms * i, 50ms);
  CHECK_FALSE(never.measuring());
}

TEST_CASE("jitter", "[adaptive_concurrency]") {
  for (const double percent : {0., 15., 100.}) {
    auto c = measured();
    c.jitter = percent;
    c.min_rtt_requests = 1;
    Fixture f(c);
    Duration at = 0s;
    for (int i = 0; i < 200; ++i) {
      f.request(at, 0us);
      REQUIRE_FALSE(f.measuring());
      const Duration most = std::chrono::milliseconds(static_cast<int>(10'000 * percent / 100));
      f.request(at + 9999ms, 0us);
      REQUIRE_FALSE(f.measuring());
      at += 10s + most;
      REQUIRE(f.begin(at));
      REQUIRE(f.measuring());
      f.controller->cancel();
    }
  }
}

TEST_CASE("keys of the runtime", "[adaptive_concurrency]") {
  Fixture f(measured(), {{"min_concurrency", 5},
                         {"max_concurrency_limit", 7},
                         {"min_rtt_aggregate_request_count", 3},
                         {"sample_rtt_calc_interval_ms", 500},
                         {"min_rtt_calc_interval_ms", 2000},
                         {"min_rtt_buffer", 300},
                         {"jitter", -5}});
  for (int i = 0; i < 3; ++i) f.request(0s, 10ms);
  CHECK_FALSE(f.measuring());
  CHECK(f.limit() == 5);
  f.request(100ms, 10ms);
  f.request(509ms, 0us);
  CHECK(f.limit() == 5);
  f.request(510ms, 0us);
  CHECK(f.limit() == 7);
  f.request(2009ms, 0us);
  CHECK_FALSE(f.measuring());
  f.request(2010ms, 0us);
  CHECK(f.measuring());
}

TEST_CASE("workers share a limit", "[adaptive_concurrency]") {
  auto c = measured();
  c.update_interval = 1;
  c.min_rtt_interval = 5;
  c.limit_max = 20;
  Fixture f(c);
  std::atomic<int> under_way{0}, most{0};
  std::vector<std::thread> threads;
  for (std::size_t n = 0; n < 4; ++n) {
    auto& cells = f.registry.new_cells();
    threads.emplace_back([&, n] {
      Random random(n);
      for (int i = 0; i < 3000; ++i) {
        const TimePoint from(1h + i * 10us);
        if (!f.controller->begin({from, f.snapshot, random, cells})) continue;
        const int now = ++under_way;
        for (int m = most.load(); m < now && !most.compare_exchange_weak(m, now);) {}
        --under_way;
        if (i % 10 == 0)
          f.controller->cancel();
        else
          f.controller->done(from, {from + 5us, f.snapshot, random, cells});
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(most <= 20);
  CHECK(f.limit() == f.controller->limit());
  for (std::uint32_t i = 0; i < f.controller->limit(); ++i) CHECK(f.begin(30ms));  // none was lost
}
