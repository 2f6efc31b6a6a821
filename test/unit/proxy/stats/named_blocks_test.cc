// Blocks whose names come with the traffic: one for each name, a bound on them, found by any thread.
#include "proxy/stats/named_blocks.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "proxy/stats/names.h"
#include "proxy/stats/walk.h"

using namespace outrigger::stats;

namespace {

constexpr std::string_view kPrefix = "http.h.fault.";

NamedBlocks& blocks_of(Registry& registry) { return make_named_blocks<FaultClusterStat>(registry, kPrefix); }

std::map<std::string, std::uint64_t> counters(Registry& registry) {
  std::map<std::string, std::uint64_t> out;
  Walk(registry).each(Walk::counters,
                      [&](const StatView& s) { out.emplace(std::string(s.prefix) + std::string(s.suffix), s.value); });
  return out;
}

}  // namespace

TEST_CASE("A name from a request has its stats below the prefix once they are used", "[stats]") {
  Registry registry;
  Cells& cells = registry.new_cells();
  auto& blocks = blocks_of(registry);
  const auto a = blocks.find("a", cells);
  CHECK(a == blocks.find("a", cells));
  CHECK(counters(registry).empty());
  cells.add(a, FaultClusterStat::aborts_injected, 2);
  cells.add(blocks.find("b.c:d", cells), FaultClusterStat::delays_injected);
  CHECK(counters(registry) ==
        std::map<std::string, std::uint64_t>{{"http.h.fault.a.aborts_injected", 2}, {"http.h.fault.b.c:d.delays_injected", 1}});
}

TEST_CASE("The same prefix has the same blocks, another one others", "[stats]") {
  Registry registry;
  CHECK(&blocks_of(registry) == &blocks_of(registry));
  CHECK(&blocks_of(registry) != &make_named_blocks<FaultClusterStat>(registry, "http.other.fault."));
  CHECK(&blocks_of(registry) != &make_named_blocks<AltClusterStat>(registry, kPrefix));
}

TEST_CASE("Names beyond the bound have no stats and are counted", "[stats]") {
  Registry registry;
  Cells& cells = registry.new_cells();
  auto& blocks = blocks_of(registry);
  for (std::uint32_t i = 0; i < NamedBlocks::kNamesMax; ++i) REQUIRE(blocks.find(std::to_string(i), cells));
  CHECK(counters(registry).count("stats.overflow") == 0);
  CHECK_FALSE(blocks.find("one too many", cells));
  CHECK_FALSE(blocks.find("and another", cells));
  CHECK(blocks.find("0", cells));
  CHECK(counters(registry)["stats.overflow"] == 2);
}

TEST_CASE("A name that is too long or empty has no stats", "[stats]") {
  Registry registry;
  Cells& cells = registry.new_cells();
  auto& blocks = blocks_of(registry);
  CHECK(blocks.find(std::string(NamedBlocks::kNameMax, 'x'), cells));
  CHECK_FALSE(blocks.find(std::string(NamedBlocks::kNameMax + 1, 'x'), cells));
  CHECK_FALSE(blocks.find("", cells));
  CHECK(counters(registry)["stats.overflow"] == 1);
}

TEST_CASE("Threads that ask for the same names at the same time get the same blocks", "[stats]") {
  Registry registry;
  auto& blocks = blocks_of(registry);
  constexpr std::size_t kThreads = 4, kNames = 200;
  std::vector<std::vector<std::uint32_t>> ids(kThreads);
  std::atomic<std::size_t> waiting{kThreads};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    Cells& cells = registry.new_cells();
    threads.emplace_back([&blocks, &waiting, &cells, &mine = ids[t]] {
      --waiting;
      while (waiting != 0) std::this_thread::yield();
      for (std::size_t i = 0; i < kNames; ++i) {
        const auto block = blocks.find(std::to_string(i), cells);
        cells.add(block, FaultClusterStat::aborts_injected);
        mine.push_back(block.id);
      }
    });
  }
  for (auto& t : threads) t.join();
  for (const auto& mine : ids) CHECK(mine == ids[0]);
  CHECK(std::set<std::uint32_t>(ids[0].begin(), ids[0].end()).size() == kNames);
  const auto all = counters(registry);
  CHECK(all.size() == kNames);
  for (const auto& [name, value] : all) CHECK(value == kThreads);
}
