// The DNS caches of dynamic forward proxies: names, bounds, lifetimes. Nothing here needs a network.
#include "proxy/upstream/dns_caches.h"

#include <catch2/catch.hpp>
#include "proxy/net/dialer.h"
#include "unit/sim/clock.h"

using namespace outrigger;
using namespace outrigger::upstream;
using namespace std::chrono_literals;
using stats::DnsCacheStat;

namespace {

DnsCacheConfig config(const std::string& name = "c") {
  DnsCacheConfig c;
  c.name = name;
  c.family = DnsFamily::v4_only;
  return c;
}

struct Waiter final : Parked {
  void on_arrival(Arrival a) override { told.push_back(a); }
  std::vector<Arrival> told;
};

/// One thread, which is main and worker.
struct Names {
  sim::Clock clock;
  event::Loop loop{clock};
  stats::Registry registry;
  Random random{42};
  runtime::ThreadContext thread{
      loop, registry.main(), random, net::socket_dialer(), std::make_shared<const runtime::Snapshot>(), "main_thread"};
  DnsOptions options;
  Dns dns{loop, registry, stats::make_block<stats::DnsCaresStat>(registry, "dns.cares."), options};
  DnsCaches caches{thread, registry, [this](const DnsOptions&) -> Dns& { return dns; }};
  std::vector<std::string> members;  // "+host", "-host"
  DnsCachePtr cache;

  explicit Names(const DnsCacheConfig& c = config()) {
    registry.set_main_thread([this](std::function<void()> f) { loop.post(std::move(f)); });
    caches.on_change = [this](const DnsCache&, const DnsCaches::Changes& changes) {
      for (const auto& change : changes) members.push_back((change.now == nullptr ? "-" : "+") + change.host);
    };
    cache = caches.get(c, 1).value();
    caches.start(nullptr);
  }
  void settle() {
    for (int i = 0; i < 20; ++i) loop.poll();
  }
  void pass(Duration d) {
    const auto end = clock.now() + d;
    settle();
    while (const auto due = loop.timers().next()) {
      if (*due > end) break;
      clock.go_to(std::max(*due, clock.now()));
      settle();
    }
    clock.go_to(end);
    settle();
  }
  DnsCache::Found find(const std::string& host, Waiter& w, ResolvedHostPtr* out = nullptr) {
    ResolvedHostPtr known;
    const auto found = cache->find(0, host, w, known, registry.main());
    if (out != nullptr) *out = known;
    return found;
  }
  /// What is known of it in the end; "full": it was refused.
  std::string resolve(const std::string& host) {
    Waiter w;
    ResolvedHostPtr known;
    const auto found = find(host, w, &known);
    settle();
    if (found == DnsCache::Found::full || w.told == std::vector{Arrival::missing}) return "full";
    if (found == DnsCache::Found::waits) known = cache->known(0, host);
    if (known == nullptr) return "nothing";
    return known->addresses.empty() ? known->details : known->addresses.front().text();
  }
  std::uint64_t count(DnsCacheStat s) const { return registry.value(cache->stats(), s); }
};

/// So many letters, and what follows.
std::string long_name(std::size_t n, std::string_view rest = ":80") {
  std::string name(n, 'a');
  name += rest;
  return name;
}

const std::string kMisformatted = "dns_resolution_failure{cares_failure:Misformatted_domain_name}";

}  // namespace

TEST_CASE("authorities are taken apart") {
  struct Case {
    const char *authority, *host;
    int port;  // -1: none
    const char* name;
  };
  const Case cases[] = {
      {"a.test", "a.test", -1, "a.test:80"},
      {"a.test:1", "a.test", 1, "a.test:1"},
      {"a.test:0", "a.test", 0, "a.test:0"},
      {"a.test:65535", "a.test", 65535, "a.test:65535"},
      {"a.test:65536", "a.test:65536", -1, "a.test:65536:80"},
      {"a.test:", "a.test:", -1, "a.test::80"},
      {"a.test:http", "a.test:http", -1, "a.test:http:80"},
      {"a.test:-1", "a.test:-1", -1, "a.test:-1:80"},
      {"a.test:80:81", "a.test:80", 81, "a.test:80:81"},
      {"[::1]", "[::1]", -1, "[::1]:80"},
      {"[::1]:9", "[::1]", 9, "[::1]:9"},
      {"::1", ":", 1, "::1"},
      {"[::1", "[:", 1, "[::1"},
      {":8", "", 8, ":8"},
      {"", "", -1, ":80"},
  };
  for (const auto& c : cases) {
    INFO(c.authority);
    const auto parts = split_port(c.authority);
    CHECK(parts.host == c.host);
    CHECK(parts.port.value_or(0xffff) == (c.port < 0 ? 0xffff : c.port));
    CHECK(parts.port.has_value() == (c.port >= 0));
    std::string name = "what was there before";
    normalized_host(c.authority, 80, name);
    CHECK(name == c.name);
  }
}

TEST_CASE("names are resolved once and kept") {
  Names n;
  Waiter one, two;
  CHECK(n.find("localhost:8080", one) == DnsCache::Found::waits);
  CHECK(n.find("localhost:8080", two) == DnsCache::Found::waits);
  CHECK(one.told.empty());
  n.settle();
  CHECK(one.told == std::vector{Arrival::came});
  CHECK(two.told == std::vector{Arrival::came});
  CHECK(n.cache->known(0, "localhost:8080")->addresses.front().text() == "127.0.0.1:8080");
  CHECK(n.cache->known(0, "localhost:8080")->details == "cares_success:Successful_completion");
  CHECK(n.find("localhost:8080", one) == DnsCache::Found::here);
  CHECK(n.members == std::vector<std::string>{"+localhost:8080"});
  CHECK(n.count(DnsCacheStat::dns_query_attempt) == 1);
  CHECK(n.count(DnsCacheStat::num_hosts) == 1);
  CHECK(n.resolve("localhost:1") == "127.0.0.1:1");
  CHECK(n.count(DnsCacheStat::num_hosts) == 2);
}

TEST_CASE("hostile names are refused, and cost little") {
  Names n;
  CHECK(n.resolve("127.0.0.9:7") == "127.0.0.9:7");
  CHECK(n.resolve("[::1]:7") == kMisformatted);  // V4_ONLY
  for (const auto* name : {"a..b:80", ".a:80", "a b:80", "a%2e:80", "a\x01:80", "\xe4:80", "::1", "[a]:80", "a@b:80", "a.test:99999:80"})
    CHECK(n.resolve(name) == kMisformatted);
  CHECK(n.resolve(long_name(64, ".b:80")) == kMisformatted);
  CHECK(n.resolve(std::string("a\0b:80", 6)) == kMisformatted);
  CHECK(n.resolve(long_name(300)) == kMisformatted);
  const auto hosts = n.count(DnsCacheStat::num_hosts);
  for (int i = 0; i < 100; ++i) CHECK(n.resolve(long_name(60000, std::to_string(i) + ":80")) == kMisformatted);
  CHECK(n.count(DnsCacheStat::num_hosts) == hosts);  // too long to be kept
  CHECK(n.members == std::vector<std::string>{"+127.0.0.9:7"});
}

TEST_CASE("an IPv6 address in an authority") {
  auto c = config();
  c.family = DnsFamily::automatic;
  Names n(c);
  CHECK(n.resolve("[::1]:7") == "[::1]:7");
  CHECK(n.resolve("127.0.0.1:7") == "127.0.0.1:7");
}

TEST_CASE("there are no more hosts than the config says") {
  auto c = config();
  c.hosts_max = 3;
  Names n(c);
  for (int i = 0; i < 3; ++i) CHECK(n.resolve("127.0.0.1:" + std::to_string(i)) != "full");
  for (int i = 3; i < 10; ++i) CHECK(n.resolve("127.0.0.1:" + std::to_string(i)) == "full");
  CHECK(n.count(DnsCacheStat::host_overflow) == 7);
  CHECK(n.resolve("127.0.0.1:0") == "127.0.0.1:0");
}

TEST_CASE("many names at once get no further than the limit") {
  auto c = config();
  c.hosts_max = 3;
  Names n(c);
  std::vector<std::unique_ptr<Waiter>> waiters;
  for (int i = 0; i < 10; ++i) {
    waiters.push_back(std::make_unique<Waiter>());
    CHECK(n.find("127.0.0.1:" + std::to_string(i), *waiters.back()) == DnsCache::Found::waits);
  }
  n.settle();
  int came = 0, missing = 0;
  for (const auto& w : waiters) {
    REQUIRE(w->told.size() == 1);
    (w->told.front() == Arrival::came ? came : missing)++;
  }
  CHECK(came == 3);
  CHECK(missing == 7);
  CHECK(n.count(DnsCacheStat::num_hosts) == 3);
}

TEST_CASE("only so many requests wait") {
  auto c = config();
  c.pending_max = 2;
  Names n(c);
  auto& cells = n.registry.main();
  CHECK(n.cache->take_place(cells));
  CHECK(n.count(DnsCacheStat::circuit_breakers_rq_pending_open) == 0);
  CHECK(n.cache->take_place(cells));
  CHECK(n.count(DnsCacheStat::circuit_breakers_rq_pending_open) == 1);
  CHECK(n.count(DnsCacheStat::circuit_breakers_rq_pending_remaining) == 0);
  CHECK_FALSE(n.cache->take_place(cells));
  CHECK(n.count(DnsCacheStat::dns_rq_pending_overflow) == 1);
  n.cache->give_back_place(cells);
  CHECK(n.count(DnsCacheStat::circuit_breakers_rq_pending_open) == 0);
  CHECK(n.cache->take_place(cells));
  n.cache->give_back_place(cells);
  n.cache->give_back_place(cells);
  CHECK(n.cache->waiting() == 0);
  CHECK(n.count(DnsCacheStat::circuit_breakers_rq_pending_remaining) == 2);
}

TEST_CASE("hosts without requests go, those with some stay") {
  auto c = config();
  c.host_ttl = 60s;
  Names n(c);
  n.resolve("127.0.0.1:1");
  n.resolve("127.0.0.1:2");
  n.pass(58s);
  CHECK(n.count(DnsCacheStat::num_hosts) == 2);
  CHECK(n.count(DnsCacheStat::dns_query_attempt) > 2);  // asked again now and then
  n.cache->known(0, "127.0.0.1:2")->last_use->store(n.loop.now().time_since_epoch().count());
  n.pass(30s);
  CHECK(n.cache->known(0, "127.0.0.1:1") == nullptr);
  CHECK(n.cache->known(0, "127.0.0.1:2") != nullptr);
  CHECK(n.count(DnsCacheStat::host_removed) == 1);
  n.pass(2min);
  CHECK(n.count(DnsCacheStat::num_hosts) == 0);
  CHECK(n.members == std::vector<std::string>{"+127.0.0.1:1", "+127.0.0.1:2", "-127.0.0.1:1", "-127.0.0.1:2"});
  CHECK(n.loop.timers().idle());
  CHECK(n.resolve("127.0.0.1:1") == "127.0.0.1:1");  // and may come back
}

TEST_CASE("failures are kept, asked again, and go") {
  auto c = config();
  c.refresh = 10s;
  c.host_ttl = 60s;
  Names n(c);
  CHECK(n.resolve("a..b:80") == kMisformatted);
  CHECK(n.resolve("a..b:80") == kMisformatted);
  CHECK(n.count(DnsCacheStat::dns_query_failure) == 1);
  n.pass(35s);
  CHECK(n.count(DnsCacheStat::dns_query_failure) == 4);
  n.pass(60s);
  CHECK(n.count(DnsCacheStat::num_hosts) == 0);
  CHECK(n.members.empty());
}

TEST_CASE("failures that are not asked again by themselves") {
  auto c = config();
  c.refresh_failed = false;
  Names n(c);
  CHECK(n.resolve("a..b:80") == kMisformatted);
  n.pass(1h);
  CHECK(n.count(DnsCacheStat::dns_query_attempt) == 1);
  CHECK(n.resolve("a..b:80") == kMisformatted);
  CHECK(n.count(DnsCacheStat::dns_query_attempt) == 2);
  CHECK(n.count(DnsCacheStat::num_hosts) == 1);
}

TEST_CASE("a cache goes with the last that uses it") {
  Names n;
  CHECK(n.caches.get(config(), 1).value() == n.cache);
  auto other = config();
  other.text = "other";
  CHECK(n.caches.get(other, 1).error().detail == "config specified DNS cache 'c' with different settings");
  n.resolve("127.0.0.1:1");
  Waiter w;
  CHECK(n.find("localhost:1", w) == DnsCache::Found::waits);
  w.leave();
  n.cache.reset();
  n.pass(1min);
  CHECK(n.loop.timers().idle());
  n.cache = n.caches.get(other, 1).value();
  CHECK(n.cache->known(0, "127.0.0.1:1") == nullptr);
  CHECK(n.count(DnsCacheStat::num_hosts) == 0);
}

TEST_CASE("names of the config are resolved from the beginning") {
  auto c = config();
  c.preresolve = {{"127.0.0.1", 1}, {"localhost", 2}};
  Names n(c);
  n.settle();
  CHECK(n.cache->known(0, "127.0.0.1:1") != nullptr);
  CHECK(n.cache->known(0, "localhost:2") != nullptr);
}

TEST_CASE("who waits may leave, and others go on") {
  Names n;
  auto gone = std::make_unique<Waiter>();
  Waiter stays;
  CHECK(n.find("localhost:1", *gone) == DnsCache::Found::waits);
  CHECK(n.find("localhost:1", stays) == DnsCache::Found::waits);
  gone.reset();
  n.settle();
  CHECK(stays.told == std::vector{Arrival::came});
}
