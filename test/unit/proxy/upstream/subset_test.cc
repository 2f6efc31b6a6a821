// Subset balancing: criteria of requests, and which hosts they lead to.
#include "proxy/upstream/subset_balancer.h"

#include <catch2/catch.hpp>
#include <set>

#include "proxy/net/dialer.h"
#include "support/hosts.h"

using namespace outrigger;
using namespace outrigger::upstream;
using stats::ClusterStat;

namespace {

MetadataValue object(const std::vector<std::pair<std::string, std::string>>& fields) {
  MetadataValue o;
  o.kind = MetadataValue::object;
  for (const auto& [name, value] : fields) o.fields.emplace_back(name, MetadataValue::of(value));
  return o;
}

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Subsets {
  std::shared_ptr<ClusterConfig> config = std::make_shared<ClusterConfig>();
  ClusterShared cluster;
  Random random{42};
  event::Loop loop;
  stats::Registry registry;
  runtime::ThreadContext thread{
      loop, registry.main(), random, net::socket_dialer(), std::make_shared<const runtime::Snapshot>(), "worker_0"};
  stats::BlockHandle block = stats::make_block<ClusterStat>(registry, "cluster.c.");
  std::deque<Host> all;
  std::unique_ptr<SubsetBalancer> balancer;

  Subsets(SubsetConfig c, const std::vector<Fields>& hosts) {
    config->subset = std::make_unique<const SubsetConfig>(std::move(c));
    cluster.config = config;
    cluster.stats = block;
    balancer = std::make_unique<SubsetBalancer>(cluster, thread);
    become(hosts);
  }
  void become(const std::vector<Fields>& hosts) {
    all.clear();
    std::vector<Host*> members;
    for (const auto& fields : hosts) {
      auto e = std::make_shared<Endpoint>();
      e->set_hostname(std::string(1, static_cast<char>('a' + all.size())));
      auto metadata = std::make_shared<Metadata>();
      metadata->merge("envoy.lb", object(fields));
      e->metadata = std::move(metadata);
      members.push_back(&all.emplace_back(std::move(e), std::make_shared<HostStats>(), TimePoint{}));
    }
    balancer->update(members, config->policy);
  }
  /// Whom requests get that ask for this; "-": nobody.
  std::string hosts_of(const Fields& asked) {
    const auto o = object(asked);
    PickContext c;
    c.subset = &o;
    std::set<std::string> found;
    for (int i = 0; i < 20; ++i) found.insert(test::name_of(balancer->pick(c)));
    std::string out;
    for (const auto& f : found) out += f;
    return out;
  }
  std::uint64_t count(ClusterStat s) const { return registry.value(block, s); }
};

SubsetConfig selectors(const std::vector<std::vector<std::string>>& keys, SubsetFallback fallback = SubsetFallback::none) {
  SubsetConfig c;
  c.fallback = fallback;
  for (const auto& k : keys) c.selectors.push_back({k});
  return c;
}

}  // namespace

TEST_CASE("a request's own metadata goes over its route's, and names are in order", "[subset]") {
  const auto route = object({{"z", "1"}, {"b", "2"}, {"m", "3"}});
  Metadata own;
  own.merge("envoy.lb", object({{"b", "9"}, {"a", "8"}}));
  PickContext c;
  c.subset = &route;
  c.metadata[0] = &own;
  std::string text;
  for (const auto& i : SubsetCriteria(c)) ((text += i.name) += '=') += i.value->text + " ";
  CHECK(text == "a=8 b=9 m=3 z=1 ");
  CHECK(SubsetCriteria(PickContext()).empty());
  CHECK(SubsetCriteria(c).only({"b", "z", "q"}).has_names({"b", "z"}));
}

TEST_CASE("no more criteria are looked at than there is room for", "[subset]") {
  Fields many;
  for (std::size_t i = 0; i < SubsetCriteria::kMax + 5; ++i) many.emplace_back("k" + std::to_string(i), "v");
  const auto route = object(many);
  PickContext c;
  c.subset = &route;
  const SubsetCriteria criteria(c);
  CHECK(criteria.end() - criteria.begin() == static_cast<std::ptrdiff_t>(SubsetCriteria::kMax));
}

TEST_CASE("requests get hosts with just the values that they ask for", "[subset]") {
  Subsets s(selectors({{"v"}, {"s", "v"}}), {{{"v", "1"}}, {{"v", "2"}, {"s", "x"}}, {{"v", "2"}, {"s", "y"}}, {}});
  CHECK(s.hosts_of({{"v", "1"}}) == "a");
  CHECK(s.hosts_of({{"v", "2"}}) == "bc");
  CHECK(s.hosts_of({{"v", "2"}, {"s", "y"}}) == "c");
  CHECK(s.hosts_of({{"s", "y"}}) == "-");
  CHECK(s.hosts_of({{"v", "3"}}) == "-");
  CHECK(s.hosts_of({}) == "-");
  CHECK(s.count(ClusterStat::lb_subsets_selected) == 60);
  CHECK(s.count(ClusterStat::lb_subsets_active) == 4);
}

TEST_CASE("subsets come and go with the values of hosts", "[subset]") {
  Subsets s(selectors({{"v"}}), {{{"v", "1"}}, {{"v", "2"}}});
  CHECK(s.count(ClusterStat::lb_subsets_active) == 2);
  s.become({{{"v", "2"}}, {{"v", "3"}}, {{"v", "4"}}});
  CHECK(s.count(ClusterStat::lb_subsets_active) == 3);
  CHECK(s.count(ClusterStat::lb_subsets_created) == 4);
  CHECK(s.count(ClusterStat::lb_subsets_removed) == 1);
  CHECK(s.hosts_of({{"v", "1"}}) == "-");
  CHECK(s.hosts_of({{"v", "2"}}) == "a");
  s.balancer.reset();
  CHECK(s.count(ClusterStat::lb_subsets_active) == 0);
}

TEST_CASE("what is done when no subset fits", "[subset]") {
  struct Row {
    const char* name;
    SubsetFallback fallback, of_selector;
    bool panic_any;
    Fields default_subset, asked;
    const char* hosts;
  };
  const auto undefined = SubsetFallback::undefined, none = SubsetFallback::none, any = SubsetFallback::any,
             defaults = SubsetFallback::default_subset;
  const Fields two{{"v", "2"}}, nobody{{"v", "9"}}, nothing;
  for (const Row& r :
       {Row{"none", none, undefined, false, two, nobody, "-"}, Row{"any", any, undefined, false, two, nobody, "abc"},
        Row{"default", defaults, undefined, false, two, nobody, "bc"},
        Row{"default of nobody", defaults, undefined, false, nobody, nobody, "-"},
        Row{"default of nobody, panic", defaults, undefined, true, nobody, nobody, "abc"},
        Row{"none, panic", none, undefined, true, two, nobody, "-"},
        Row{"an empty default", defaults, undefined, false, nothing, nobody, "abc"},
        Row{"the selector's goes first", any, none, false, two, nobody, "-"},
        Row{"any of the selector", none, any, false, two, nobody, "abc"},
        Row{"default of the selector", none, defaults, false, two, nobody, "bc"},
        Row{"a request that asks for nothing has no selector", none, any, false, two, nothing, "-"}}) {
    CAPTURE(r.name);
    auto c = selectors({{"v"}}, r.fallback);
    c.selectors[0].fallback = r.of_selector;
    c.panic_any = r.panic_any;
    c.default_subset = object(r.default_subset);
    CHECK(Subsets(std::move(c), {{{"v", "1"}}, {{"v", "2"}}, {{"v", "2"}}}).hosts_of(r.asked) == r.hosts);
  }
}

TEST_CASE("a selector may fall back to fewer keys, and from there on", "[subset]") {
  auto c = selectors({{"a", "b", "c"}, {"a", "b"}, {"a"}}, SubsetFallback::any);
  c.selectors[0].fallback = c.selectors[1].fallback = SubsetFallback::fewer_keys;
  c.selectors[0].fallback_keys = {"a", "b"};
  c.selectors[1].fallback_keys = {"a"};
  Subsets s(std::move(c), {{{"a", "1"}, {"b", "1"}}, {{"a", "1"}}, {{"a", "2"}}});
  CHECK(s.hosts_of({{"a", "1"}, {"b", "1"}, {"c", "1"}}) == "a");
  CHECK(s.hosts_of({{"a", "1"}, {"b", "9"}, {"c", "1"}}) == "ab");
  CHECK(s.hosts_of({{"a", "9"}, {"b", "9"}, {"c", "1"}}) == "abc");
}

TEST_CASE("a subset of one host has the first, whatever its health", "[subset]") {
  SubsetConfig c = selectors({{"v"}});
  c.selectors[0].single_host = true;
  Subsets s(std::move(c), {{{"v", "1"}}, {{"v", "1"}}, {{"v", "2"}}});
  CHECK(s.hosts_of({{"v", "1"}}) == "a");
  CHECK(s.hosts_of({{"v", "2"}}) == "c");
  CHECK(s.hosts_of({{"v", "3"}}) == "-");
}

TEST_CASE("a list of what to try is tried in order", "[subset]") {
  SubsetConfig c = selectors({{"v"}, {"s", "v"}});
  c.fallback_list = true;
  Subsets s(std::move(c), {{{"v", "1"}}, {{"v", "2"}, {"s", "x"}}});
  const auto asks = [&](Fields fields, const std::vector<Fields>& list) {
    MetadataValue tries;
    tries.kind = MetadataValue::list;
    for (const auto& l : list) tries.items.push_back(object(l));
    auto o = object(fields);
    o.fields.emplace_back("fallback_list", std::move(tries));
    PickContext p;
    p.subset = &o;
    return test::name_of(s.balancer->pick(p));
  };
  CHECK(asks({}, {{{"v", "9"}}, {{"v", "2"}}, {{"v", "1"}}}) == "b");
  CHECK(asks({{"s", "x"}}, {{{"v", "1"}}, {{"v", "2"}}}) == "b");
  CHECK(asks({{"v", "1"}}, {}) == "a");
  CHECK(asks({{"v", "1"}}, {{{"v", "9"}}}) == "-");
}

TEST_CASE("requests of equal hash have the same host of a subset, by a table of its own", "[subset][hashing]") {
  SubsetConfig c = selectors({{"v"}});
  Subsets s(std::move(c), {});
  s.config->lb = LbKind::ring_hash;
  HashConfig hash;
  hash.by_hostname = true;
  s.config->hash = std::make_unique<const HashConfig>(hash);
  s.balancer = std::make_unique<SubsetBalancer>(s.cluster, s.thread);
  s.become({{{"v", "1"}}, {{"v", "1"}}, {{"v", "2"}}, {{"v", "1"}}});
  const auto one = object({{"v", "1"}}), two = object({{"v", "2"}});
  std::set<std::string> of_one;
  for (std::uint64_t hash = 0; hash < 200; ++hash) {
    PickContext p;
    p.hash = hash * 0x9e3779b97f4a7c15ULL;
    p.subset = &one;
    const auto host = test::name_of(s.balancer->pick(p));
    CHECK(test::name_of(s.balancer->pick(p)) == host);
    of_one.insert(host);
    p.subset = &two;
    CHECK(test::name_of(s.balancer->pick(p)) == "c");
  }
  CHECK(of_one == std::set<std::string>{"a", "b", "d"});
}
