// Which host is picked: sequences of round robin, least request and random; priorities; panic. As Envoy 1.40 does.
#include "proxy/upstream/load_balancer.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <deque>

#include "proxy/net/dialer.h"
#include "proxy/stats/stats.h"
#include "support/hosts.h"

using namespace outrigger;
using namespace outrigger::upstream;
using test::HostSpec;

namespace {

constexpr auto kBad = Health::unhealthy;

struct Balanced {
  ClusterConfig own;
  const ClusterConfig& config = own;
  Random random{42};
  event::Loop loop;
  stats::Registry registry;
  runtime::ThreadContext thread{
      loop, registry.main(), random, net::socket_dialer(), std::make_shared<const runtime::Snapshot>(), "worker_0"};
  test::Hosts hosts;
  LoadBalancer balancer{config, thread};
  bool panic = false;

  /// `c` outlives this.
  Balanced(const std::vector<HostSpec>& specs, const ClusterConfig& c) : config(c), hosts(specs) {
    balancer.update(hosts.pointers());
  }
  explicit Balanced(const std::vector<HostSpec>& specs, LbKind kind = LbKind::round_robin) : hosts(specs) {
    own.lb = kind;
    balancer.update(hosts.pointers());
  }
  std::string pick() { return test::name_of(balancer.pick(panic)); }
  std::string picks(int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += pick();
    return out;
  }
  std::map<std::string, int> counts(int n) {
    std::map<std::string, int> out;
    for (int i = 0; i < n; ++i) ++out[pick()];
    return out;
  }
};

/// `bad` of `all` hosts are unhealthy.
std::vector<HostSpec> mixed(int all, int bad) {
  std::vector<HostSpec> out(static_cast<std::size_t>(all));
  for (int i = 0; i < bad; ++i) out[static_cast<std::size_t>(i)].health = kBad;
  return out;
}

}  // namespace

TEST_CASE("round robin goes around, from a host drawn at random", "[balancer]") {
  Balanced b({{}, {}, {}});
  const std::string order = b.picks(9);
  CHECK(order.substr(0, 3) == order.substr(3, 3));
  CHECK(order.substr(0, 3) == order.substr(6, 3));
  CHECK(std::string("abcabc").find(order.substr(0, 3)) != std::string::npos);
  std::map<std::string, int> starts;
  for (int i = 0; i < 300; ++i) {
    b.balancer.update(b.hosts.pointers());
    ++starts[b.pick()];
  }
  for (const char* name : {"a", "b", "c"}) test::check_share(starts[name], 300, 1.0 / 3);
}

TEST_CASE("weighted round robin is smooth, and each has its share in every cycle", "[balancer]") {
  struct Row {
    std::vector<HostSpec> hosts;
    const char* cycle;
  };
  for (const Row& r : {Row{{{1}, {2}, {3}}, "cbcabc"}, Row{{{1}, {3}}, "bbab"}, Row{{{5}, {1}}, "aaaaba"},
                       Row{{{2}, {2}, {4}}, "cabc"}, Row{{{0}, {2}}, "bab"}}) {
    INFO(r.cycle);
    Balanced b(r.hosts);
    std::string cycle = r.cycle;
    const auto n = static_cast<int>(cycle.size());
    CHECK(b.picks(n) == cycle);
    std::sort(cycle.begin(), cycle.end());
    for (int i = 0; i < 50; ++i) {  // who is first when two are due depends on rounding, as in Envoy
      std::string next = b.picks(n);
      std::sort(next.begin(), next.end());
      CHECK(next == cycle);
    }
  }
}

TEST_CASE("one host is always it, and none is none", "[balancer]") {
  for (const auto kind : {LbKind::round_robin, LbKind::least_request, LbKind::random}) {
    CHECK(Balanced({{7}}, kind).picks(3) == "aaa");
    CHECK(Balanced(std::vector<HostSpec>{}, kind).pick() == "-");
  }
}

TEST_CASE("least request takes the less busy of two drawn, the first when they are alike", "[balancer]") {
  Balanced b({{}, {}, {}, {}}, LbKind::least_request);
  b.hosts[0].active_requests = 3;
  b.hosts[1].active_requests = 1;
  b.hosts[2].active_requests = 1;
  b.hosts[3].active_requests = 2;
  Random same{42};
  for (int lists = 0; lists < 3; ++lists) same.next();  // where round robin would start in those of each health, and of all
  const auto hosts = b.hosts.pointers();
  for (int i = 0; i < 500; ++i) {
    const auto* first = hosts[same.below(4)];
    const auto* second = hosts[same.below(4)];
    const auto* want = second->active_requests < first->active_requests ? second : first;
    CHECK(b.pick() == test::name_of(want));
  }
}

TEST_CASE("least request may draw more than two", "[balancer]") {
  ClusterConfig c;
  c.lb = LbKind::least_request;
  c.choice_count = 16;
  Balanced b({{}, {}, {}}, c);
  b.hosts[0].active_requests = b.hosts[2].active_requests = 5;
  const auto n = b.counts(2000);
  CHECK(n.at("b") > 1980);  // missed with probability (2/3)^16, under 0.2 %
}

TEST_CASE("least request with weights divides them by the requests that run", "[balancer]") {
  ClusterConfig c;
  c.lb = LbKind::least_request;
  struct Row {
    double bias;
    std::uint32_t active_a;
    double share_a;  // of weights 1 and 3
  };
  for (const Row& r :
       {Row{1, 0, 1.0 / 4}, Row{1, 1, (1.0 / 2) / (1.0 / 2 + 3)}, Row{0, 9, 1.0 / 4}, Row{2, 1, (1.0 / 4) / (1.0 / 4 + 3)}}) {
    c.active_request_bias.value = r.bias;
    Balanced b({{1}, {3}}, c);
    b.hosts[0].active_requests = r.active_a;
    b.balancer.update(b.hosts.pointers());
    const double share = b.counts(4000)["a"] / 4000.0;
    CHECK(share == Approx(r.share_a).margin(0.002));
  }
}

TEST_CASE("random draws each host alike, whatever its weight", "[balancer]") {
  Balanced b({{1}, {5}, {1}, {1}}, LbKind::random);
  const auto n = b.counts(20000);
  for (const auto& [name, count] : n) test::check_share(count, 20000, 0.25);
  CHECK(n.size() == 4);
}

TEST_CASE("only hosts of unknown and good health are used while there are enough", "[balancer]") {
  struct Row {
    Health health;
    bool used;
  };
  for (const Row& r : {Row{Health::unknown, true}, Row{Health::healthy, true}, Row{Health::unhealthy, false},
                       Row{Health::draining, false}, Row{Health::timeout, false}}) {
    Balanced b({{1, r.health}, {}, {}, {}});
    CHECK((b.counts(400).count("a") != 0) == r.used);
    CHECK_FALSE(b.panic);
  }
}

TEST_CASE("panic begins below its threshold, not at it", "[balancer]") {
  struct Row {
    std::uint32_t threshold;
    int bad;  // of 100
    bool panic;
  };
  for (const Row& r : {Row{50, 49, false}, Row{50, 50, false}, Row{50, 51, true}, Row{50, 100, true}, Row{60, 40, false},
                       Row{60, 41, true}, Row{0, 99, false}, Row{0, 100, false}, Row{100, 28, false}, Row{100, 29, true}}) {
    INFO(r.threshold << " % and " << r.bad << " bad");
    ClusterConfig c;
    c.panic_percent = r.threshold;
    Balanced b(mixed(100, r.bad), c);
    const auto n = b.counts(1000);
    CHECK(b.panic == r.panic);
    if (n.count("-") != 0)
      CHECK(r.bad == 100);  // no panic, no host
    else
      CHECK(n.size() == static_cast<std::size_t>(r.panic ? 100 : 100 - r.bad));
  }
}

TEST_CASE("a cluster may prefer to fail in panic", "[balancer]") {
  ClusterConfig c;
  c.fail_traffic_on_panic = true;
  Balanced b(mixed(4, 3), c);
  CHECK(b.picks(3) == "---");
  CHECK(b.panic);
  CHECK(Balanced(mixed(4, 1), c).pick() != "-");
}

TEST_CASE("priorities take over as the first loses hosts", "[balancer]") {
  struct Row {
    int bad_of_4;            // in priority 0; priority 1 has 4 good ones
    double share_of_second;  // with the overprovisioning factor of 1.4
  };
  for (const Row& r : {Row{0, 0}, Row{1, 0}, Row{2, 0.3}, Row{3, 0.65}, Row{4, 1}}) {
    INFO(r.bad_of_4 << " of 4 are bad");
    auto hosts = mixed(4, r.bad_of_4);
    for (int i = 0; i < 4; ++i) hosts.push_back({1, Health::unknown, 1});
    Balanced b(hosts);
    int second = 0;
    for (const auto& [name, count] : b.counts(20000)) second += name >= "e" ? count : 0;
    if (r.share_of_second == 0 || r.share_of_second == 1)
      CHECK(second == 20000 * r.share_of_second);
    else
      test::check_share(second, 20000, r.share_of_second);
    CHECK_FALSE(b.panic);
  }
}

TEST_CASE("the overprovisioning factor says how soon", "[balancer]") {
  ClusterConfig c;
  c.policy.overprovisioning = 100;
  auto hosts = mixed(4, 1);
  for (int i = 0; i < 4; ++i) hosts.push_back({1, Health::unknown, 1});
  Balanced b(hosts, c);
  int second = 0;
  for (const auto& [name, count] : b.counts(20000)) second += name >= "e" ? count : 0;
  test::check_share(second, 20000, 0.25);
}

TEST_CASE("when all priorities panic, each gets what its number of hosts is worth", "[balancer]") {
  std::vector<HostSpec> hosts;
  for (int i = 0; i < 2; ++i) hosts.push_back({1, kBad, 0});
  for (int i = 0; i < 6; ++i) hosts.push_back({1, kBad, 1});
  Balanced b(hosts);
  const auto n = b.counts(16000);
  CHECK(b.panic);
  CHECK(n.size() == 8);
  for (const auto& [name, count] : n) test::check_share(count, 16000, 1.0 / 8);
}

TEST_CASE("an empty first priority is passed over", "[balancer]") {
  Balanced b({{1, Health::unknown, 1}, {1, Health::unknown, 1}});
  CHECK(b.counts(100).size() == 2);
  CHECK_FALSE(b.panic);
}

namespace {

/// Hosts of a cluster and of the local one by zone, "zx" being that of the proxy.
struct Zones {
  using Spec = std::vector<std::pair<std::string, int>>;  // zone, hosts
  ClusterConfig config;
  Random random{7};
  event::Loop loop;
  stats::Registry registry;
  runtime::ThreadContext thread{
      loop, registry.main(), random, net::socket_dialer(), std::make_shared<const runtime::Snapshot>(), "worker_0"};
  LocalCluster local{"local", zone("zx"), nullptr};
  std::deque<Host> hosts;
  AssignmentPolicy policy{.overprovisioning = 100};
  LoadBalancer balancer{config, thread};

  static LocalityPtr zone(const std::string& name) { return std::make_shared<const Locality>(Locality{"r", name, ""}); }
  static EndpointPtr endpoint(const std::string& in) {
    auto e = std::make_shared<Endpoint>();
    e->set_hostname(in);
    e->locality = zone(in);
    return e;
  }
  stats::BlockHandle block = stats::make_block<stats::ClusterStat>(registry, "cluster.c.");

  Zones(const Spec& proxies, const Spec& cluster, ZoneRules rules = {.cluster_size_min = 1}) {
    config.zones = std::make_shared<const ZoneRules>(rules);
    auto set = std::make_shared<HostSet>();
    for (const auto& [in, n] : proxies)
      for (int i = 0; i < n; ++i) set->push_back({endpoint(in), std::make_shared<HostStats>()});
    local.hosts = std::move(set);
    for (const auto& [in, n] : cluster)
      for (int i = 0; i < n; ++i) hosts.emplace_back(endpoint(in), std::make_shared<HostStats>(), TimePoint{});
    balancer.route_by_zone(local, block);
    update();
  }
  void update() {
    std::vector<Host*> all;
    for (auto& h : hosts) all.push_back(&h);
    balancer.update(all, policy);
  }
  /// So many of the zone are degraded from now on, and named for it.
  Zones& degrade(const std::string& zone, int n) {
    for (auto& h : hosts) {
      if (n == 0 || h.endpoint().hostname() != zone) continue;
      --n;
      auto e = std::make_shared<Endpoint>(h.endpoint());
      e->set_hostname(zone + "-");
      e->health = Health::degraded;
      h.become(std::move(e));
    }
    update();
    return *this;
  }
  std::map<std::string, int> counts(int n) {
    std::map<std::string, int> out;
    bool panic = false;
    for (int i = 0; i < n; ++i) ++out[test::name_of(balancer.pick(panic))];
    return out;
  }
};

}  // namespace

TEST_CASE("traffic stays in the own zone as far as its hosts are as many as its proxies", "[load_balancer]") {
  using Counts = std::map<std::string, int>;
  CHECK(Zones({{"zx", 1}, {"zy", 1}}, {{"zx", 1}, {"zy", 1}}).counts(50) == Counts{{"zx", 50}});
  CHECK(Zones({{"zx", 1}, {"zy", 2}}, {{"zx", 2}, {"zy", 2}}).counts(50) == Counts{{"zx", 50}});
  // Half of what two of three proxies send goes where there is one host of three, the rest elsewhere.
  auto some = Zones({{"zx", 2}, {"zy", 1}}, {{"zx", 1}, {"zy", 2}}).counts(10000);
  test::check_share(some["zx"], 10000, 0.5);
  test::check_share(some["zy"], 10000, 0.5);
  // What two other zones can take beyond their own: one and two of four.
  auto rest = Zones({{"zx", 2}, {"zy", 1}, {"zz", 1}}, {{"zy", 2}, {"zz", 2}, {"zw", 4}}).counts(10000);
  CHECK(rest["zx"] == 0);
  test::check_share(rest["zw"], 10000, 1.0);
}

TEST_CASE("what goes to degraded hosts goes by zone, too", "[load_balancer]") {
  const Zones::Spec even = {{"zx", 1}, {"zy", 1}};
  auto own = Zones(even, {{"zx", 4}, {"zy", 4}}).degrade("zx", 2).degrade("zy", 2).counts(10000);
  CHECK(own.size() == 2);
  test::check_share(own["zx"], 10000, 0.5);
  test::check_share(own["zx-"], 10000, 0.5);
  // Of what two of three proxies send, three quarters stay where half of the healthy hosts are.
  auto some = Zones({{"zx", 2}, {"zy", 1}}, {{"zx", 4}, {"zy", 4}}).degrade("zx", 2).degrade("zy", 2).counts(10000);
  test::check_share(some["zx"], 10000, 0.375);
  test::check_share(some["zx-"], 10000, 0.375);
  test::check_share(some["zy-"], 10000, 0.125);
  // The zone has none that is degraded: any of them.
  auto elsewhere = Zones(even, {{"zx", 2}, {"zy", 6}}).degrade("zy", 4).counts(10000);
  test::check_share(elsewhere["zx"], 10000, 0.5);
  test::check_share(elsewhere["zy-"], 10000, 0.5);
  // None is healthy: there is nothing to tell the zones' shares by.
  auto bad = Zones(even, {{"zx", 2}, {"zy", 2}}).degrade("zx", 2).degrade("zy", 2).counts(48);
  CHECK(bad == std::map<std::string, int>{{"zx-", 24}, {"zy-", 24}});
}

TEST_CASE("zones count where localities have weights, and matter when none has", "[load_balancer]") {
  const Zones::Spec even = {{"zx", 1}, {"zy", 1}};
  struct Row {
    std::uint32_t weight;
    std::uint64_t size_min;
    int own;            // of 50
    std::uint64_t few;  // times that the cluster was too small
  };
  for (const Row& r : {Row{1, 1, 25, 0}, Row{1, 9, 25, 1}, Row{0, 1, 50, 0}, Row{0, 9, 25, 1}}) {
    INFO(r.weight << " " << r.size_min);
    ClusterConfig config;
    config.locality_weighted = true;
    config.zones = std::make_shared<const ZoneRules>(ZoneRules{.cluster_size_min = r.size_min});
    Zones z(even, even);
    LoadBalancer balancer(config, z.thread);
    const auto block = stats::make_block<stats::ClusterStat>(z.registry, "cluster.weighted.");
    balancer.route_by_zone(z.local, block);
    std::vector<Host*> all;
    for (auto& h : z.hosts) {
      auto e = std::make_shared<Endpoint>(h.endpoint());
      e->locality_weight = r.weight;
      h.become(std::move(e));
      all.push_back(&h);
    }
    balancer.update(all);
    int own = 0;
    bool panic = false;
    for (int i = 0; i < 50; ++i) own += test::name_of(balancer.pick(panic)) == "zx";
    CHECK(own == r.own);
    CHECK(z.registry.value(block, stats::ClusterStat::lb_recalculate_zone_structures) == 1);
    CHECK(z.registry.value(block, stats::ClusterStat::lb_zone_cluster_too_small) == r.few);
  }
}

TEST_CASE("zones do not matter when there is too little to go by", "[load_balancer]") {
  const Zones::Spec even = {{"zx", 1}, {"zy", 1}};
  const std::map<std::string, int> all = {{"zx", 25}, {"zy", 25}};
  CHECK(Zones({}, even).counts(50) == all);                             // no proxy is known
  CHECK(Zones({{"zx", 2}}, even).counts(50) == all);                    // all proxies are here
  CHECK(Zones({{"zy", 1}, {"zz", 1}}, even).counts(50) == all);         // this one is not among them
  CHECK(Zones(even, even, {.cluster_size_min = 3}).counts(50) == all);  // too few hosts
  CHECK(Zones(even, even, {.enabled_percent = 0, .cluster_size_min = 1}).counts(50) == all);
  CHECK(Zones({{"zx", 9}, {"zy", 1}}, even, {.cluster_size_min = 1, .forced_size_min = 1}).counts(50) ==
        std::map<std::string, int>{{"zx", 50}});
}
