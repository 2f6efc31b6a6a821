// What a host gets while it starts slowly, over the whole window, in simulated time: Envoy's formula, which is
// max((age / window)^(1 / aggression), min_weight_percent) of its weight. Turns go by deadlines, so a host's part is exact to
// one turn; where the part is drawn, a right balancer fails one seed in a million.
#include <catch2/catch.hpp>
#include <cmath>
#include <deque>

#include "proxy/net/dialer.h"
#include "proxy/stats/stats.h"
#include "proxy/upstream/load_balancer.h"
#include "support/hosts.h"
#include "unit/sim/clock.h"

using namespace outrigger;
using namespace outrigger::upstream;
using namespace std::chrono_literals;

namespace {

constexpr Duration kWindow = 10s;

double factor(Duration age, const SlowStart& s) {
  if (age >= s.window) return 1;
  const double part = static_cast<double>(std::max<Duration>(age, 1ms).count()) / static_cast<double>(s.window.count());
  return std::max(std::pow(part, 1 / s.aggression.value), s.weight_min);
}

/// Hosts "a", "b", ... that joined at times of their own, and a balancer of them.
struct Starting {
  struct Spec {
    Duration joined;
    std::uint32_t weight = 1;
    Health health = Health::unknown;
    std::uint8_t priority = 0;
  };
  ClusterConfig config;
  Random random{11};
  sim::Clock clock;
  const TimePoint start = clock.now();
  event::Loop loop{clock};
  stats::Registry registry;
  runtime::ThreadContext thread{
      loop, registry.main(), random, net::socket_dialer(), std::make_shared<const runtime::Snapshot>(), "worker_0"};
  std::deque<Host> hosts;
  LoadBalancer balancer{config, thread};

  Starting(double aggression, double weight_min, const std::vector<Spec>& specs, LbKind lb = LbKind::round_robin) {
    config.lb = lb;
    config.slow_start = SlowStart{kWindow, {"", aggression}, weight_min};
    for (const auto& s : specs) {
      auto e = std::make_shared<Endpoint>();
      e->set_hostname(std::string(1, static_cast<char>('a' + hosts.size())));
      e->weight = s.weight;
      e->health = s.health;
      e->priority = s.priority;
      hosts.emplace_back(std::move(e), std::make_shared<HostStats>(), start + s.joined);
    }
  }
  void go_to(Duration t) {
    clock.go_to(start + t);
    loop.refresh_clock();
  }
  void update() {
    std::vector<Host*> all;
    for (auto& h : hosts) all.push_back(&h);
    balancer.update(all);
  }
  std::map<std::string, int> counts(int n) {
    std::map<std::string, int> out;
    bool panic = false;
    for (int i = 0; i < n; ++i) ++out[test::name_of(balancer.pick(panic))];
    return out;
  }
  SlowStart& rules() { return *config.slow_start; }
};

constexpr Duration kLongAgo = -1h;

}  // namespace

TEST_CASE("a host's part rises along the curve, by the formula of Envoy", "[slow_start]") {
  for (const auto lb : {LbKind::round_robin, LbKind::least_request})
    for (const double aggression : {1.0, 2.0, 0.5})
      for (const double weight_min : {0.1, 0.3, 0.01})
        for (const std::uint32_t weight : {1U, 4U}) {
          Starting s(aggression, weight_min, {{kLongAgo, weight}, {kLongAgo, weight}, {0s, weight}}, lb);
          double before = 0;
          for (Duration at = 0s; at <= kWindow + 1s; at += 1s) {
            s.go_to(at);
            s.update();
            constexpr int kPicks = 1000;
            const double f = factor(at, s.rules());
            const int got = s.counts(kPicks)["c"];
            INFO("aggression " << aggression << ", least " << weight_min << ", weight " << weight << ", after " << at.count());
            const double part = f / (2 + f);
            const bool drawn = lb == LbKind::least_request && at >= kWindow;  // hosts are alike again
            const double off = drawn ? 5 * std::sqrt(kPicks * part * (1 - part)) : 2;
            CHECK(std::abs(got - kPicks * part) <= off);
            CHECK(got >= before - off);
            before = got;
          }
        }
}

TEST_CASE("with traffic all the time, a host gets what the curve says in all", "[slow_start]") {
  for (const double aggression : {1.0, 2.0}) {
    Starting s(aggression, 0.1, {{kLongAgo}, {0s}});
    s.update();
    double wanted = 0;
    int got = 0;
    for (Duration at = 1ms; at <= kWindow; at += 1ms) {
      s.go_to(at);
      const double f = factor(at, s.rules());
      wanted += 5 * f / (1 + f);
      got += s.counts(5)["b"];
    }
    INFO("aggression " << aggression);
    CHECK(got == Approx(wanted).epsilon(0.005));
    CHECK(std::abs(s.counts(100)["b"] - 50) <= 1);
  }
}

TEST_CASE("a host of less than its weight has its part of what its priority draws", "[slow_start]") {
  Starting s(2, 0.1, {{kLongAgo}, {0s}, {kLongAgo, 1, Health::unhealthy}, {kLongAgo, 1, Health::unknown, 1}});
  s.config.policy.overprovisioning = 90;  // the first priority can take 60 %
  s.go_to(2500ms);                        // half of the weight
  s.update();
  constexpr int kPicks = 40000;
  auto n = s.counts(kPicks);
  test::check_share(n["a"], kPicks, 0.6 * 2 / 3);
  test::check_share(n["b"], kPicks, 0.6 * 1 / 3);
  test::check_share(n["d"], kPicks, 0.4);
}

TEST_CASE("with no least weight a host that has just joined waits for its first turn", "[slow_start]") {
  Starting s(1, 0, {{kLongAgo}, {0s}});
  s.update();  // its turn comes when the other one has had as many as the window has milliseconds
  CHECK(s.counts(9900)["b"] == 0);
  CHECK(s.counts(200)["b"] == 1);
  s.go_to(5s);
  s.update();
  CHECK(std::abs(s.counts(3000)["b"] - 1000) <= 1);
}

TEST_CASE("after the window, and without one, hosts of one weight take plain turns", "[slow_start]") {
  Starting s(1, 0.1, {{0s}, {1s}, {2s}});
  s.go_to(1h);
  s.update();
  const auto n = s.counts(300);
  CHECK(n == std::map<std::string, int>{{"a", 100}, {"b", 100}, {"c", 100}});
}
