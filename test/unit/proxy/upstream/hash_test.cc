// Ring hash and maglev: how large parts hosts have, and that most keys stay where they are when hosts come and go. That a
// key has the same host as in Envoy is told by the differential scenarios.
#include "proxy/upstream/hash_tables.h"

#include <xxhash.h>

#include <catch2/catch.hpp>
#include <map>
#include <string>

using namespace outrigger;
using namespace outrigger::upstream;

namespace {

struct Named {
  std::vector<std::string> keys;
  std::vector<double> weights;
  explicit Named(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) keys.push_back("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ":80");
    weights.assign(n, 1);
  }
  std::vector<HashHost> hosts() const {
    double sum = 0;
    for (const double w : weights) sum += w;
    std::vector<HashHost> out;
    for (std::size_t i = 0; i < keys.size(); ++i)
      if (weights[i] > 0) out.push_back({static_cast<std::uint32_t>(i), keys[i], weights[i] / sum});
    return out;
  }
};

std::uint64_t key(int i) {
  const auto text = "key-" + std::to_string(i);
  return XXH64(text.data(), text.size(), 0);
}

HashRing ring(const Named& n, HashConfig c = {}) {
  HashSpread spread;
  return {n.hosts(), n.keys.size(), c, spread};
}
MaglevTable maglev(const Named& n, std::uint64_t size = 65537) {
  HashSpread spread;
  return {n.hosts(), n.keys.size(), size, spread};
}

template <class Table>
std::map<std::uint32_t, int> counts(const Table& t, int n) {
  std::map<std::uint32_t, int> out;
  for (int i = 0; i < n; ++i) ++out[t.pick(key(i), 0)];
  return out;
}

}  // namespace

TEST_CASE("places take as few bytes as their number needs", "[hashing]") {
  for (const std::size_t hosts : {1U, 256U, 257U, 65536U, 65537U}) {
    CAPTURE(hosts);
    Places p(3, hosts);
    CHECK(p.size() == 3);
    p.set(0, static_cast<std::uint32_t>(hosts - 1));
    p.set(2, static_cast<std::uint32_t>(hosts / 2));
    CHECK(p[0] == hosts - 1);
    CHECK(p[1] == 0);
    CHECK(p[2] == hosts / 2);
  }
  CHECK(Places().size() == 0);
}

TEST_CASE("murmur2 is the one of the C++ library, at every length", "[hashing]") {
  std::string text;
  for (int i = 0; i < 40; ++i) {
    CHECK(murmur2(text, 0xc70f6907ULL) == std::hash<std::string>()(text));
    text += static_cast<char>('a' + i * 7 % 26 - (i % 3 == 0 ? 128 : 0));
  }
}

TEST_CASE("prime numbers", "[hashing]") {
  for (const std::uint64_t n : {2, 3, 5, 31, 65537, 5000011}) CHECK(is_prime(n));
  for (const std::uint64_t n : {0, 1, 4, 9, 25, 65536, 65535, 5000010}) CHECK_FALSE(is_prime(n));
}

TEST_CASE("a ring has as many parts as its least size asks for, and no more than its largest", "[hashing]") {
  struct Row {
    std::vector<double> weights;
    std::uint64_t least_size, largest_size, size, least, most;
  };
  for (const Row& r : {Row{{1, 1, 1}, 1024, 8388608, 1026, 342, 342}, Row{{1, 1, 1}, 1, 8388608, 3, 1, 1},
                       Row{{1, 1, 1}, 3, 3, 3, 1, 1}, Row{{1, 1, 1}, 1, 2, 2, 0, 1}, Row{{1, 3}, 1024, 8388608, 1024, 256, 768},
                       Row{{1, 99}, 10, 8388608, 100, 1, 99}, Row{{1, 1}, 0, 5, 0, 0, 0}}) {
    CAPTURE(r.least_size, r.largest_size, r.weights.size());
    Named n(r.weights.size());
    n.weights = r.weights;
    HashConfig c;
    c.ring_min = r.least_size;
    c.ring_max = r.largest_size;
    HashSpread spread;
    const HashRing made(n.hosts(), n.keys.size(), c, spread);
    CHECK(spread.size == r.size);
    CHECK(spread.least == r.least);
    CHECK(spread.most == r.most);
    CHECK(made.empty() == (r.size == 0));
  }
}

TEST_CASE("an empty table is empty, and with one host every key is its", "[hashing]") {
  CHECK(ring(Named(0)).empty());
  CHECK(maglev(Named(0)).empty());
  const auto r = ring(Named(1));
  const auto m = maglev(Named(1), 7);
  for (int i = 0; i < 50; ++i) {
    CHECK(r.pick(key(i), 0) == 0);
    CHECK(m.pick(key(i), static_cast<std::uint32_t>(i)) == 0);
  }
  CHECK(r.pick(0, 0) == 0);
  CHECK(r.pick(UINT64_MAX, 0) == 0);
}

TEST_CASE("maglev gives hosts the same number of entries, one more or less", "[hashing]") {
  HashSpread spread;
  const Named n(300);
  const MaglevTable t(n.hosts(), n.keys.size(), 65537, spread);
  CHECK(spread.least == 65537 / 300);
  CHECK(spread.most == 65537 / 300 + 1);
}

TEST_CASE("maglev gives entries by weight", "[hashing]") {
  Named n(3);
  n.weights = {1, 2, 5};
  const auto all = counts(maglev(n), 80000);
  // Of 80,000 independent keys a share p has a deviation of at most 142: seven of them are passed once in 4e11 runs.
  CHECK(std::abs(all.at(0) - 10000) < 1000);
  CHECK(std::abs(all.at(1) - 20000) < 1000);
  CHECK(std::abs(all.at(2) - 50000) < 1000);
}

TEST_CASE("a ring of many parts gives each host about its share", "[hashing]") {
  HashConfig c;
  c.ring_min = 400000;
  const auto all = counts(ring(Named(4), c), 40000);
  // 100,000 parts per host: shares differ by 0.3 % (one deviation), counts by 87 keys; both seven times are 1,110.
  for (std::uint32_t i = 0; i < 4; ++i) CHECK(std::abs(all.at(i) - 10000) < 1110);
}

TEST_CASE("when a host leaves its keys alone move in a ring, and few others with maglev", "[hashing]") {
  Named n(20), fewer = n;
  fewer.weights[7] = 0;
  const auto before = ring(n), after = ring(fewer);
  const auto table_before = maglev(n), table_after = maglev(fewer);
  int moved = 0, kept = 0;
  for (int i = 0; i < 10000; ++i) {
    const auto was = before.pick(key(i), 0), is = after.pick(key(i), 0);
    if (was == 7) CHECK(is != 7);
    moved += was != 7 && was != is;
    const auto t = table_before.pick(key(i), 0);
    if (t != 7) kept += t == table_after.pick(key(i), 0);
  }
  CHECK(moved < 1000);  // the ring's size changes with the number of hosts by a few parts each
  CHECK(kept > 8500);   // of about 9,500
}

TEST_CASE("other attempts give other hosts, the same ones each time", "[hashing]") {
  const auto r = ring(Named(5));
  const auto m = maglev(Named(5));
  int other_ring = 0, other_maglev = 0;
  for (int i = 0; i < 1000; ++i) {
    other_ring += r.pick(key(i), 1) != r.pick(key(i), 0);
    other_maglev += m.pick(key(i), 1) != m.pick(key(i), 0);
    CHECK(r.pick(key(i), 3) == r.pick(key(i), 3));
  }
  CHECK(other_ring > 650);  // 4 of 5, each with a deviation of 13
  CHECK(other_maglev > 650);
}

TEST_CASE("hosts of the same key share its parts of the ring alike", "[hash]") {
  for (const char* key : {"", "host.example"})
    for (const std::uint32_t hosts : {2U, 3U, 7U}) {
      std::vector<HashHost> all;
      for (std::uint32_t i = 0; i < hosts; ++i) all.push_back({i, key, 1.0 / hosts});
      HashSpread spread;
      const HashRing ring(all, hosts, HashConfig{}, spread);
      std::vector<int> counts(hosts);
      constexpr int kPicks = 20000;
      Random random{5};
      for (int i = 0; i < kPicks; ++i) ++counts[ring.pick(random.next(), 0)];
      for (const int n : counts) CHECK(n > kPicks / static_cast<int>(hosts) / 5);
    }
}
