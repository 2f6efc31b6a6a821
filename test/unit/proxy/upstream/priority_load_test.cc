// How traffic is shared among priorities: the cases of Envoy's documentation and their edges.
#include "proxy/upstream/priority_load.h"

#include <catch2/catch.hpp>

using namespace outrigger::upstream;

namespace {

PriorityHosts of(std::uint64_t healthy, std::uint64_t total, std::uint64_t degraded = 0, std::uint64_t excluded = 0) {
  PriorityHosts h;
  h.total = total;
  h.healthy = healthy;
  h.degraded = degraded;
  h.excluded = excluded;
  return h;
}

struct Loads {
  std::vector<std::uint32_t> healthy, degraded;
  std::vector<bool> panic;
  bool operator==(const Loads&) const = default;
};

Loads loads(const std::vector<PriorityHosts>& hosts, PriorityRules rules = {}) {
  Loads out;
  std::uint32_t sum = 0;
  for (const auto& s : share_priorities(hosts, rules)) {
    out.healthy.push_back(s.healthy_load);
    out.degraded.push_back(s.degraded_load);
    out.panic.push_back(s.panic);
    sum += s.healthy_load + s.degraded_load;
  }
  CHECK(sum == 100);
  return out;
}

}  // namespace

TEST_CASE("The next priority gets what the first cannot take", "[upstream]") {
  const auto shares = [](std::uint64_t first, std::uint64_t second) { return loads({of(first, 100), of(second, 100)}).healthy; };
  CHECK(shares(100, 100) == std::vector<std::uint32_t>{100, 0});
  CHECK(shares(72, 100) == std::vector<std::uint32_t>{100, 0});
  CHECK(shares(71, 100) == std::vector<std::uint32_t>{99, 1});
  CHECK(shares(50, 100) == std::vector<std::uint32_t>{70, 30});
  CHECK(shares(0, 100) == std::vector<std::uint32_t>{0, 100});
  CHECK(shares(50, 50) == std::vector<std::uint32_t>{70, 30});
  CHECK(shares(25, 25) == std::vector<std::uint32_t>{50, 50});
  CHECK(shares(50, 0) == std::vector<std::uint32_t>{100, 0});
}

TEST_CASE("Priorities share by their size when all are in panic", "[upstream]") {
  CHECK(loads({of(0, 3), of(0, 1)}) == Loads{{75, 25}, {0, 0}, {true, true}});
  CHECK(loads({of(0, 1), of(0, 2)}) == Loads{{34, 66}, {0, 0}, {true, true}});
}

TEST_CASE("A priority is in panic only while all together are short", "[upstream]") {
  CHECK(loads({of(1, 4), of(4, 4)}).panic == std::vector<bool>{false, false});
  CHECK(loads({of(1, 4), of(2, 4)}).panic == std::vector<bool>{false, false});
  CHECK(loads({of(1, 4), of(1, 4)}).panic == std::vector<bool>{true, true});
}

TEST_CASE("Without a panic threshold nothing is in panic", "[upstream]") {
  PriorityRules rules;
  rules.panic_threshold = 0;
  CHECK(loads({of(0, 4), of(0, 4)}, rules) == Loads{{100, 0}, {0, 0}, {false, false}});
  CHECK(loads({of(1, 4), of(1, 4)}, rules) == Loads{{50, 50}, {0, 0}, {false, false}});
}

TEST_CASE("Degraded hosts come after the healthy ones of every priority", "[upstream]") {
  CHECK(loads({of(1, 2, 1), of(1, 2, 1)}) == Loads{{70, 30}, {0, 0}, {false, false}});
  CHECK(loads({of(1, 4, 3), of(1, 4, 3)}) == Loads{{35, 35}, {30, 0}, {false, false}});
  CHECK(loads({of(0, 2, 2)}) == Loads{{0}, {100}, {false}});
}

TEST_CASE("Draining hosts do not count as missing", "[upstream]") {
  CHECK(loads({of(1, 2, 0, 1), of(2, 2)}).healthy == std::vector<std::uint32_t>{100, 0});
  CHECK(loads({of(0, 2, 0, 2), of(2, 2)}).healthy == std::vector<std::uint32_t>{0, 100});
}

TEST_CASE("Empty priorities", "[upstream]") {
  CHECK(loads({of(0, 0)}) == Loads{{100}, {0}, {true}});
  CHECK(loads({of(0, 0), of(1, 1)}) == Loads{{0, 100}, {0, 0}, {false, false}});
}

TEST_CASE("Health by weight counts what the hosts weigh", "[upstream]") {
  PriorityHosts heavy = of(1, 2);
  heavy.total_weight = 10;
  heavy.healthy_weight = 9;
  PriorityRules rules;
  CHECK(loads({heavy, of(1, 1)}, rules).healthy == std::vector<std::uint32_t>{70, 30});
  rules.by_weight = true;
  CHECK(loads({heavy, of(1, 1)}, rules).healthy == std::vector<std::uint32_t>{100, 0});
}

TEST_CASE("Priorities of several clusters share by the rules of each", "[upstream]") {
  const auto shares = [](std::uint32_t first, std::uint32_t second) {
    std::vector<PriorityRules> rules(2);
    rules[0].overprovisioning = first;
    rules[1].overprovisioning = second;
    std::vector<std::uint32_t> out;
    for (const auto& s : share_priorities({of(1, 2), of(1, 2)}, rules)) out.push_back(s.healthy_load);
    return out;
  };
  CHECK(shares(140, 140) == std::vector<std::uint32_t>{70, 30});
  CHECK(shares(100, 140) == std::vector<std::uint32_t>{50, 50});
  CHECK(shares(200, 100) == std::vector<std::uint32_t>{100, 0});
  CHECK(shares(100, 100) == std::vector<std::uint32_t>{50, 50});
}
