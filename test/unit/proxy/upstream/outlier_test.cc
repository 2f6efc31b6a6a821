// Outlier detection: who is ejected, how many, for how long. Both sides of every boundary.
#include "proxy/upstream/outlier_detector.h"

#include <catch2/catch.hpp>
#include <deque>

#include "proxy/upstream/outlier_watch.h"

using namespace outrigger;
using namespace outrigger::upstream;
using namespace std::chrono_literals;
using stats::OutlierStat;

namespace {

runtime::Snapshot runtime_of(const std::vector<std::pair<std::string, double>>& values) {
  runtime::Layer layer;
  for (const auto& [key, value] : values) layer.emplace("outlier_detection." + key, runtime::number_value(value));
  return runtime::Snapshot({{"test", std::move(layer)}});
}

struct Detection {
  OutlierConfig config;
  stats::Registry registry;
  Random random{7};
  stats::BlockHandle block = stats::make_block<OutlierStat>(registry, "cluster.c.outlier_detection.");
  OutlierDetector detector{config, block, registry, random};
  runtime::Snapshot runtime;
  TimePoint now{1h};
  HostSetPtr hosts;
  std::vector<std::pair<std::shared_ptr<HostStats>, Ejection>> told;
  OutlierWatch watch{config, [this](const std::shared_ptr<HostStats>& h, Ejection why) { told.emplace_back(h, why); }};
  std::deque<Host> seen;

  explicit Detection(std::size_t n, OutlierConfig c = {}) : config(c) {
    auto set = std::make_shared<HostSet>();
    for (std::size_t i = 0; i < n; ++i) {
      set->push_back({std::make_shared<const Endpoint>(), std::make_shared<HostMonitor>()});
      seen.emplace_back(set->back().endpoint, set->back().stats, TimePoint{});
    }
    hosts = set;
    detector.set_members(hosts);
  }
  HostMonitor& operator[](std::size_t i) { return monitor_of((*hosts)[i]); }
  bool ejected(std::size_t i) { return (*this)[i].ejected; }
  std::uint64_t count(OutlierStat s) const { return registry.value(block, s); }
  bool row(std::size_t i, Ejection why = Ejection::consecutive_5xx) { return detector.on_row((*this)[i], why, now, runtime); }
  void see(std::size_t i, Sight s, std::uint16_t code = 0) { watch.see(seen[i], s, code, runtime); }
  /// In the last interval.
  void answers(std::size_t i, std::uint32_t good, std::uint32_t bad) {
    (*this)[i].answers[0].total = good + bad;
    (*this)[i].answers[0].good = good;
  }
  bool after(Duration d) { return detector.on_interval(now += d, runtime); }
};

OutlierConfig any_number(std::uint32_t percent = 100) {
  OutlierConfig c;
  c.max_ejection_percent = percent;
  return c;
}

}  // namespace

TEST_CASE("no more hosts are ejected than the percentage allows", "[outlier]") {
  struct Row {
    std::size_t hosts;
    std::uint32_t percent;
    bool one;
    std::size_t ejected;
  };
  for (const Row& r :
       {Row{1, 100, false, 1}, Row{1, 99, false, 0}, Row{1, 0, false, 0}, Row{1, 0, true, 1}, Row{2, 50, false, 1},
        Row{2, 49, false, 0}, Row{2, 49, true, 1}, Row{2, 99, false, 1}, Row{2, 100, false, 2}, Row{3, 33, false, 0},
        Row{3, 34, false, 1}, Row{3, 66, false, 1}, Row{3, 67, false, 2}, Row{9, 10, false, 0}, Row{10, 10, false, 1},
        Row{19, 10, false, 1}, Row{20, 10, false, 2}, Row{5, 20, true, 1}, Row{5, 40, true, 2}}) {
    CAPTURE(r.hosts, r.percent, r.one);
    auto config = any_number(r.percent);
    config.always_eject_one = r.one;
    Detection d(r.hosts, config);
    for (std::size_t i = 0; i < r.hosts; ++i) d.row(i);
    CHECK(d.count(OutlierStat::ejections_active) == r.ejected);
    CHECK(d.count(OutlierStat::ejections_enforced_total) == r.ejected);
    CHECK(d.count(OutlierStat::ejections_overflow) == r.hosts - r.ejected);
    CHECK(d.count(OutlierStat::ejections_detected_consecutive_5xx) == r.hosts);
  }
}

TEST_CASE("an ejection lasts the base time as often as there were some in a row, up to the longest", "[outlier]") {
  struct Row {
    Duration base, longest;
    std::vector<Duration> times;
  };
  for (const Row& r : {Row{10s, 300s, {10s, 20s, 30s}}, Row{10s, 25s, {10s, 20s, 25s, 25s}}, Row{10s, 10s, {10s, 10s, 10s}}}) {
    auto config = any_number();
    config.base_ejection = r.base;
    config.max_ejection = r.longest;
    config.interval = 1s;
    Detection d(1, config);
    for (const auto& time : r.times) {
      CAPTURE(time.count());
      CHECK(d.row(0));
      CHECK_FALSE(d.after(time - 1ms));
      CHECK(d.ejected(0));
      CHECK(d.after(1ms));
      CHECK_FALSE(d.ejected(0));
    }
  }
}

TEST_CASE("each calm interval takes one off the multiplier", "[outlier]") {
  auto config = any_number();
  config.base_ejection = 10s;
  config.interval = 1s;
  Detection d(1, config);
  d.row(0);
  d.after(10s);
  d.row(0);
  CHECK(d[0].multiplier == 2);
  d.after(20s);
  d.after(999ms);
  CHECK(d[0].multiplier == 2);
  d.after(1ms);
  CHECK(d[0].multiplier == 1);
  d.after(1s);
  CHECK(d[0].multiplier == 0);
  d.after(1s);
  CHECK(d[0].multiplier == 0);
  CHECK(d[0].ejections == 2);
}

TEST_CASE("jitter comes on top of the time, up to its bound", "[outlier]") {
  auto config = any_number();
  config.base_ejection = config.max_ejection = 10s;
  config.jitter_max = 3ms;
  Detection d(1, config);
  bool seen[4] = {};
  for (int i = 0; i < 200; ++i) {  // each of four values misses 200 turns with a chance of 1e-25
    d.row(0);
    const auto ms = d[0].jitter / 1ms;
    REQUIRE(ms <= 3);
    seen[ms] = true;
    d.after(10s + d[0].jitter - 1us);
    CHECK(d.ejected(0));
    d.after(1us);
    CHECK_FALSE(d.ejected(0));
  }
  for (const bool s : seen) CHECK(s);
}

TEST_CASE("what isn't enforced is only counted", "[outlier]") {
  auto config = any_number();
  config.enforcing[static_cast<std::size_t>(Ejection::consecutive_5xx)] = 0;
  Detection d(2, config);
  CHECK_FALSE(d.row(0));
  CHECK_FALSE(d.row(1, Ejection::consecutive_gateway_failure));
  CHECK(d.count(OutlierStat::ejections_detected_consecutive_5xx) == 1);
  CHECK(d.count(OutlierStat::ejections_detected_consecutive_gateway_failure) == 1);
  CHECK(d.count(OutlierStat::ejections_total) == 1);
  CHECK(d.count(OutlierStat::ejections_enforced_total) == 0);
  CHECK(d.count(OutlierStat::ejections_active) == 0);
  d.runtime = runtime_of({{"enforcing_consecutive_gateway_failure", 100}});
  CHECK(d.row(1, Ejection::consecutive_gateway_failure));
}

TEST_CASE("an ejected host and one that left are not ejected again", "[outlier]") {
  Detection d(2, any_number());
  CHECK(d.row(0));
  CHECK_FALSE(d.row(0));
  CHECK(d.count(OutlierStat::ejections_detected_consecutive_5xx) == 1);
  const auto old = d.hosts;
  auto fewer = std::make_shared<HostSet>();
  fewer->push_back((*old)[1]);
  d.detector.set_members(fewer);
  CHECK(d.count(OutlierStat::ejections_active) == 0);
  CHECK_FALSE(d.detector.on_row(monitor_of((*old)[0]), Ejection::consecutive_5xx, d.now, d.runtime));
  CHECK(d.detector.on_row(monitor_of((*old)[1]), Ejection::consecutive_5xx, d.now, d.runtime));
}

TEST_CASE("workers tell of the failure that completes a row, and of none after it", "[outlier]") {
  struct Row {
    const char* name;
    std::vector<std::uint16_t> codes;
    std::vector<Ejection> told;
  };
  const auto e5xx = Ejection::consecutive_5xx, gateway = Ejection::consecutive_gateway_failure;
  for (const Row& r : {Row{"one too few", {500, 500}, {}}, Row{"enough", {500, 501, 599}, {e5xx}},
                       Row{"more", {500, 500, 500, 500, 500, 500}, {e5xx}}, Row{"success between", {500, 500, 200, 500, 500}, {}},
                       Row{"499 and 600 are no failures", {500, 500, 499, 500, 500, 600, 500, 500}, {}},
                       Row{"gateway", {502, 503}, {gateway}}, Row{"504, 505", {504, 505, 503}, {e5xx}},
                       Row{"501 between", {503, 501, 503}, {e5xx}}, Row{"both", {502, 503, 504}, {gateway, e5xx}}}) {
    CAPTURE(r.name);
    OutlierConfig config;
    config.consecutive_5xx = 3;
    config.consecutive_gateway_failure = 2;
    Detection d(1, config);
    for (const auto code : r.codes) d.see(0, Sight::answer, code);
    std::vector<Ejection> told;
    for (const auto& [host, why] : d.told) told.push_back(why);
    CHECK(told == r.told);
  }
}

TEST_CASE("the way to a host is told apart only when the config splits it", "[outlier]") {
  struct Row {
    bool split;
    Sight sight;
    std::uint16_t code;
    std::vector<Ejection> told;
    std::uint32_t answers, ways;
  };
  const auto e5xx = Ejection::consecutive_5xx, gateway = Ejection::consecutive_gateway_failure,
             local = Ejection::consecutive_local_origin_failure;
  for (const Row& r : {Row{false, Sight::failed, 0, {gateway, e5xx}, 1, 0}, Row{false, Sight::timeout, 0, {gateway, e5xx}, 1, 0},
                       Row{false, Sight::timeout, 204, {}, 1, 0}, Row{false, Sight::connected, 0, {}, 0, 0},
                       Row{false, Sight::connected_only, 0, {}, 1, 0}, Row{true, Sight::failed, 0, {local}, 0, 1},
                       Row{true, Sight::timeout, 504, {local}, 0, 1}, Row{true, Sight::connected, 0, {}, 0, 1},
                       Row{true, Sight::connected_only, 0, {}, 0, 1}, Row{true, Sight::answer, 500, {e5xx}, 1, 0}}) {
    CAPTURE(r.split, static_cast<int>(r.sight), r.code);
    OutlierConfig config;
    config.split = r.split;
    config.consecutive_5xx = config.consecutive_gateway_failure = config.consecutive_local_origin_failure = 1;
    Detection d(1, config);
    d.see(0, r.sight, r.code);
    std::vector<Ejection> told;
    for (const auto& [host, why] : d.told) told.push_back(why);
    CHECK(told == r.told);
    CHECK(d[0].answers[0].total == r.answers);
    CHECK(d[0].answers[1].total == r.ways);
  }
}

TEST_CASE("runtime goes before the config", "[outlier]") {
  Detection d(1);
  CHECK(row_limit(d.config, Row::all_5xx, d.runtime) == 5);
  d.runtime = runtime_of({{"consecutive_5xx", 1},
                          {"consecutive_gateway_failure", 2},
                          {"consecutive_local_origin_failure", 3},
                          {"interval_ms", 70},
                          {"max_ejection_percent", 100},
                          {"base_ejection_time_ms", 500}});
  CHECK(row_limit(d.config, Row::all_5xx, d.runtime) == 1);
  CHECK(row_limit(d.config, Row::gateway, d.runtime) == 2);
  CHECK(row_limit(d.config, Row::local_origin, d.runtime) == 3);
  CHECK(d.detector.interval(d.runtime) == 70ms);
  CHECK(d.row(0));
  d.after(499ms);
  CHECK(d.ejected(0));
  d.after(1ms);
  CHECK_FALSE(d.ejected(0));
}

TEST_CASE("the threshold of success rates is so many deviations below the average", "[outlier]") {
  struct Row {
    std::vector<double> rates;
    double factor, average, threshold;
  };
  for (const Row& r : {Row{{50, 100, 100, 100, 100}, 1.9, 90, 52}, Row{{100, 100}, 1.9, 100, 100}, Row{{0, 100}, 1, 50, 0},
                       Row{{0, 100}, 0, 50, 50}, Row{{70}, 5, 70, 70}}) {
    const auto found = success_rates(r.rates, r.factor);
    CHECK(found.average == Approx(r.average));
    CHECK(found.threshold == Approx(r.threshold));
  }
}

TEST_CASE("hosts below the threshold are ejected when enough hosts had enough requests", "[outlier]") {
  struct Row {
    std::size_t hosts;
    std::uint32_t requests, bad;  // of the first, in percent
    bool ejected;
  };
  // {100 - bad, 100, 100, ...}: with n hosts and a factor of 1.9 one is below the threshold when n - 1 > 1.9 * sqrt(n - 1)
  for (const Row& r : {Row{5, 100, 50, true}, Row{4, 100, 50, false}, Row{5, 99, 50, false}, Row{5, 100, 1, true},
                       Row{5, 100, 0, false}, Row{20, 100, 50, true}}) {
    CAPTURE(r.hosts, r.requests, r.bad);
    Detection d(r.hosts, any_number());
    for (std::size_t i = 0; i < r.hosts; ++i)
      d.answers(i, i == 0 ? r.requests * (100 - r.bad) / 100 : r.requests,
                i == 0 ? r.requests * r.bad / 100 + (r.requests * r.bad % 100 != 0) : 0);
    CHECK(d.after(10s) == r.ejected);
    CHECK(d.ejected(0) == r.ejected);
    CHECK_FALSE(d.ejected(1));
    CHECK(d.count(OutlierStat::ejections_enforced_success_rate) == r.ejected);
    d.after(10s);  // no requests since: nothing more
    CHECK(d[1].answers[0].rate == -1);
    CHECK(d.count(OutlierStat::ejections_detected_success_rate) == r.ejected);
  }
}

TEST_CASE("hosts that fail often enough are ejected, whatever the others do", "[outlier]") {
  struct Row {
    std::size_t hosts;
    std::uint32_t good, bad;
    bool ejected;
  };
  for (const Row& r :
       {Row{5, 15, 85, true}, Row{5, 16, 84, false}, Row{4, 0, 100, false}, Row{5, 0, 50, true}, Row{5, 0, 49, false}}) {
    CAPTURE(r.hosts, r.good, r.bad);
    auto config = any_number();
    config.enforcing[static_cast<std::size_t>(Ejection::failure_percentage)] = 100;
    Detection d(r.hosts, config);
    for (std::size_t i = 0; i < r.hosts; ++i) d.answers(i, r.good, r.bad);
    d.after(10s);
    for (std::size_t i = 0; i < r.hosts; ++i) CHECK(d.ejected(i) == r.ejected);
    CHECK(d.count(OutlierStat::ejections_enforced_failure_percentage) == (r.ejected ? r.hosts : 0));
  }
}

TEST_CASE("the gauge of ejected hosts goes with the detector", "[outlier]") {
  Detection d(2, any_number());
  d.row(0);
  {
    OutlierDetector other(d.config, d.block, d.registry, d.random);
    auto set = std::make_shared<HostSet>();
    set->push_back({std::make_shared<const Endpoint>(), std::make_shared<HostMonitor>()});
    other.set_members(set);
    other.on_row(monitor_of(set->front()), Ejection::consecutive_5xx, d.now, d.runtime);
    CHECK(d.count(OutlierStat::ejections_active) == 2);
  }
  CHECK(d.count(OutlierStat::ejections_active) == 1);
}
