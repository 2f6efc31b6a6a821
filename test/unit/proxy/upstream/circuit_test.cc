// Circuit limits: what may be taken, and the gauges that tell.
#include "proxy/upstream/circuit.h"

#include <catch2/catch.hpp>

using namespace outrigger;
using namespace outrigger::upstream;
using stats::ClusterStat;
using stats::RemainingStat;

namespace {

struct Circuit {
  stats::Registry registry;
  stats::Cells& cells = registry.new_cells();
  stats::BlockHandle cluster = stats::make_block<ClusterStat>(registry, "cluster.c.");
  stats::BlockHandle remaining = stats::make_block<RemainingStat>(registry, "cluster.c.circuit_breakers.default.");
  CircuitState state;
  explicit Circuit(const Thresholds& t, bool high = false, bool tracked = true) {
    state.init(t, high, cluster, tracked ? remaining : stats::BlockHandle{});
  }
  std::uint64_t open(ClusterStat s) const { return registry.value(cluster, s); }
};

Thresholds all(std::uint32_t n) {
  Thresholds t;
  t.connections = t.pending = t.requests = t.retries = n;
  return t;
}

}  // namespace

TEST_CASE("each limit is its own, in both priorities", "[circuit]") {
  struct Row {
    Limit limit;
    bool high;
    ClusterStat open;
  };
  for (const Row& r : {
           Row{Limit::connections, false, ClusterStat::circuit_breakers_default_cx_open},
           Row{Limit::pending, false, ClusterStat::circuit_breakers_default_rq_pending_open},
           Row{Limit::requests, false, ClusterStat::circuit_breakers_default_rq_open},
           Row{Limit::retries, false, ClusterStat::circuit_breakers_default_rq_retry_open},
           Row{Limit::connections, true, ClusterStat::circuit_breakers_high_cx_open},
           Row{Limit::pending, true, ClusterStat::circuit_breakers_high_rq_pending_open},
           Row{Limit::requests, true, ClusterStat::circuit_breakers_high_rq_open},
           Row{Limit::retries, true, ClusterStat::circuit_breakers_high_rq_retry_open},
       }) {
    Circuit c(all(2), r.high);
    const auto others = {Limit::connections, Limit::pending, Limit::requests, Limit::retries};
    CHECK(c.state.can_take(r.limit));
    c.state.take(r.limit, c.cells);
    CHECK(c.state.can_take(r.limit));
    CHECK(c.open(r.open) == 0);
    c.state.take(r.limit, c.cells);
    CHECK_FALSE(c.state.can_take(r.limit));
    CHECK(c.open(r.open) == 1);
    CHECK(c.state.used(r.limit) == 2);
    for (const auto other : others)
      if (other != r.limit) CHECK(c.state.can_take(other));
    c.state.give_back(r.limit, c.cells);
    CHECK(c.state.can_take(r.limit));
    CHECK(c.open(r.open) == 0);
    c.state.give_back(r.limit, c.cells);
    CHECK(c.state.used(r.limit) == 0);
    CHECK(c.open(r.open) == 0);
  }
}

TEST_CASE("what passes a limit leaves its gauge open until it is back below", "[circuit]") {
  Circuit c(all(1));
  const auto open = ClusterStat::circuit_breakers_default_cx_open;
  for (int i = 0; i < 3; ++i) c.state.take(Limit::connections, c.cells);
  CHECK(c.open(open) == 1);
  c.state.give_back(Limit::connections, c.cells);
  c.state.give_back(Limit::connections, c.cells);
  CHECK(c.open(open) == 1);
  c.state.give_back(Limit::connections, c.cells);
  CHECK(c.open(open) == 0);
}

TEST_CASE("a limit of nothing is open once something passed it", "[circuit]") {
  Circuit c(all(0));
  CHECK_FALSE(c.state.can_take(Limit::retries));
  const auto open = ClusterStat::circuit_breakers_default_rq_retry_open;
  CHECK(c.open(open) == 0);
  for (int i = 0; i < 2; ++i) {
    c.state.take(Limit::retries, c.cells);
    c.state.give_back(Limit::retries, c.cells);
  }
  CHECK(c.open(open) == 1);
}

TEST_CASE("what remains is tracked when asked", "[circuit]") {
  Circuit c(all(3));
  c.registry.set(c.remaining, RemainingStat::remaining_rq, 3);
  const auto left = [&] { return c.registry.value(c.remaining, RemainingStat::remaining_rq); };
  for (std::uint64_t i = 0; i < 5; ++i) {
    CHECK(left() == (i < 3 ? 3 - i : 0));
    c.state.take(Limit::requests, c.cells);
  }
  for (std::uint64_t i = 0; i < 5; ++i) {
    c.state.give_back(Limit::requests, c.cells);
    CHECK(left() == (i < 2 ? 0 : i - 1));
  }
  Circuit untracked(all(3), false, false);
  untracked.state.take(Limit::requests, untracked.cells);
  CHECK(untracked.registry.value(untracked.remaining, RemainingStat::remaining_rq) == 0);
}
