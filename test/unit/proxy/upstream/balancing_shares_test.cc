// Whole distributions of balancers against what they should be: a chi-square test of all hosts' counts at once. A right
// balancer fails one in a billion seeds.
#include <catch2/catch.hpp>
#include <cmath>
#include <deque>

#include "proxy/net/dialer.h"
#include "proxy/stats/stats.h"
#include "proxy/upstream/load_balancer.h"
#include "support/hosts.h"

using namespace outrigger;
using namespace outrigger::upstream;

namespace {

/// A value that chi-square with that many degrees of freedom exceeds with a probability below 1e-9 (Wilson and Hilferty, who are
/// above the exact value).
double chi_square_bound(double degrees) {
  constexpr double kNormal = 5.998;  // of the normal distribution, at 1e-9
  const double part = 2 / (9 * degrees);
  return degrees * std::pow(1 - part + kNormal * std::sqrt(part), 3);
}

/// `shares` add up to 1; those that are 0 must not be drawn.
void check_shares(const std::map<std::string, int>& counts, const std::map<std::string, double>& shares) {
  int n = 0;
  for (const auto& [name, count] : counts) n += count;
  double chi = 0;
  std::size_t kinds = 0;
  for (const auto& [name, share] : shares) {
    const auto at = counts.find(name);
    const double have = at == counts.end() ? 0 : at->second;
    if (share == 0) CHECK(have == 0);
    if (share == 0) continue;
    chi += (have - n * share) * (have - n * share) / (n * share);
    ++kinds;
  }
  for (const auto& [name, count] : counts) CHECK(shares.count(name) == 1);
  INFO("chi-square " << chi << " of " << kinds << " hosts");
  CHECK(chi < chi_square_bound(static_cast<double>(kinds) - 1));
}

struct HostOf {
  std::uint32_t weight = 1;
  Health health = Health::unknown;
  std::uint32_t priority = 0;
  std::string zone{};
  std::uint32_t zone_weight = 0;
};

/// Hosts "a", "b", ... and a balancer of them.
class Balanced {
 public:
  Balanced(std::uint64_t seed, ClusterConfig& config, const std::vector<HostOf>& specs)
      : random_(seed), balancer_(config, thread_) {
    for (const auto& s : specs) {
      auto e = std::make_shared<Endpoint>();
      e->set_hostname(std::string(1, static_cast<char>('a' + hosts_.size())));
      e->weight = s.weight;
      e->health = s.health;
      e->priority = s.priority;
      e->locality_weight = s.zone_weight;
      if (!s.zone.empty()) e->locality = std::make_shared<const Locality>(Locality{"r", s.zone, ""});
      hosts_.emplace_back(std::move(e), std::make_shared<HostStats>(), TimePoint{});
    }
    std::vector<Host*> all;
    for (auto& h : hosts_) all.push_back(&h);
    balancer_.update(all);
  }
  std::map<std::string, int> counts(int n) {
    std::map<std::string, int> out;
    bool panic = false;
    for (int i = 0; i < n; ++i) ++out[test::name_of(balancer_.pick(panic))];
    return out;
  }
  Host& operator[](std::size_t i) { return hosts_[i]; }

 private:
  Random random_;
  event::Loop loop_;
  stats::Registry registry_;
  runtime::ThreadContext thread_{
      loop_, registry_.main(), random_, net::socket_dialer(), std::make_shared<const runtime::Snapshot>(), "worker_0"};
  std::deque<Host> hosts_;
  LoadBalancer balancer_;
};

constexpr auto kBad = Health::unhealthy;

}  // namespace

TEST_CASE("the bound of chi-square is passed less than once in a billion times", "[shares]") {
  for (const int half : {1, 2, 4, 10}) {  // of the degrees of freedom: for even ones there is a plain formula
    const double x = chi_square_bound(2 * half) / 2;
    double sum = 0, term = 1;
    for (int i = 0; i < half; ++i) sum += term, term *= x / (i + 1);
    CHECK(std::exp(-x) * sum < 1e-9);
    CHECK(std::exp(-x) * sum > 1e-11);
  }
}

TEST_CASE("random and least request draw idle hosts alike", "[shares]") {
  for (const auto kind : {LbKind::random, LbKind::least_request})
    for (const std::uint64_t seed : {1, 2, 3}) {
      ClusterConfig c;
      c.lb = kind;
      Balanced b(seed, c, std::vector<HostOf>(8));
      std::map<std::string, double> alike;
      for (char name = 'a'; name < 'i'; ++name) alike[std::string(1, name)] = 1.0 / 8;
      check_shares(b.counts(16000), alike);
    }
}

TEST_CASE("least request gives a busy host only what both draws gave it", "[shares]") {
  ClusterConfig c;
  c.lb = LbKind::least_request;
  Balanced b(4, c, std::vector<HostOf>(4));
  b[0].active_requests = 9;
  check_shares(b.counts(32000), {{"a", 1.0 / 16}, {"b", 5.0 / 16}, {"c", 5.0 / 16}, {"d", 5.0 / 16}});
}

TEST_CASE("weighted round robin gives each host its weight in every cycle", "[shares]") {
  ClusterConfig c;
  Balanced b(5, c, {{1}, {2}, {5}, {12}});
  const auto n = b.counts(2000);
  CHECK(std::abs(n.at("a") - 100) <= 1);
  CHECK(std::abs(n.at("b") - 200) <= 1);
  CHECK(std::abs(n.at("c") - 500) <= 1);
  CHECK(std::abs(n.at("d") - 1200) <= 1);
}

TEST_CASE("localities have what they weigh, less what they lack beyond overprovisioning", "[shares]") {
  ClusterConfig c;
  c.locality_weighted = true;
  struct Row {
    std::uint32_t bad_of_x;  // of four hosts, in a locality of weight 1; y weighs 3 and has two good ones
    double share_of_x;
  };
  // The weight is worth min(1, 1.4 * healthy part).
  for (const Row& r : {Row{0, 0.25}, Row{1, 0.25}, Row{2, 0.7 / 3.7}, Row{3, 0.35 / 3.35}}) {
    INFO(r.bad_of_x << " of 4 are bad");
    std::vector<HostOf> specs;
    for (std::uint32_t i = 0; i < 4; ++i) specs.push_back({1, i < r.bad_of_x ? kBad : Health::unknown, 0, "x", 1});
    for (int i = 0; i < 2; ++i) specs.push_back({1, Health::unknown, 0, "y", 3});
    Balanced b(6, c, specs);
    int in_x = 0;
    for (const auto& [name, count] : b.counts(4000)) in_x += name < "e" ? count : 0;
    CHECK(std::abs(in_x - 4000 * r.share_of_x) <= 4);  // in turns: no chance in it
  }
}

TEST_CASE("hosts of all priorities have their part of what their priority has", "[shares]") {
  ClusterConfig c;
  c.lb = LbKind::random;
  // Half of the first is good, which is worth 70 %; the second has the rest.
  Balanced b(7, c, {{1}, {1}, {1, kBad}, {1, kBad}, {1, Health::unknown, 1}, {1, Health::unknown, 1}, {1, Health::unknown, 2}});
  check_shares(b.counts(20000), {{"a", 0.35}, {"b", 0.35}, {"c", 0}, {"d", 0}, {"e", 0.15}, {"f", 0.15}, {"g", 0}});
}
