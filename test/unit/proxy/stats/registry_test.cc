// Counting on several threads' cells, and what the registry sums.
#include <catch2/catch.hpp>

#include "proxy/stats/names.h"
#include "proxy/stats/stats.h"

using namespace outrigger::stats;

TEST_CASE("counters and gauges are summed over all cells", "[stats]") {
  Registry r;
  Cells &a = r.new_cells(), &b = r.new_cells();
  const auto c = r.counter("c");
  const auto g = r.gauge("g");
  a.add(c);
  b.add(c, 5);
  r.main().add(c, 10);
  CHECK(r.value(c) == 16);
  a.add(g, 3);
  b.sub(g, 1);
  CHECK(r.value(g) == 2);
  r.set(g, 7);  // a set value has the threads' parts on top
  CHECK(r.value(g) == 9);
  CHECK(r.counter("c").index == c.index);
}

TEST_CASE("the null stat takes everything and is nothing", "[stats]") {
  Registry r;
  r.main().add(Counter{}, 5);
  r.main().add(BlockHandle{}, ClusterStat::upstream_cx_total);
  r.new_cells().inc(BlockHandle{}, ClusterStat::upstream_cx_active);
  CHECK(r.value(BlockHandle{}, ClusterStat::upstream_cx_total) == 0);
}

TEST_CASE("a block is one for its name, until the last holder releases it", "[stats]") {
  Registry r;
  Cells& cells = r.new_cells();
  const auto one = make_block<ClusterStat>(r, "cluster.a."), same = make_block<ClusterStat>(r, "cluster.a."),
             other = make_block<ClusterStat>(r, "cluster.b.");
  CHECK(one == same);
  CHECK_FALSE(one == other);
  cells.add(one, ClusterStat::upstream_cx_total, 3);
  CHECK(r.value(same, ClusterStat::upstream_cx_total) == 3);
  CHECK(r.value(other, ClusterStat::upstream_cx_total) == 0);
  r.release(one);
  CHECK(r.value(same, ClusterStat::upstream_cx_total) == 3);
  r.release(same);
  const auto fresh = make_block<ClusterStat>(r, "cluster.a.");
  CHECK(r.value(fresh, ClusterStat::upstream_cx_total) == 0);
}

TEST_CASE("reset takes counters back and leaves gauges", "[stats]") {
  Registry r;
  Cells& cells = r.new_cells();
  const auto c = r.counter("c");
  const auto g = r.gauge("g");
  cells.add(c, 5);
  cells.add(g, 2);
  r.reset_counters();
  CHECK(r.value(c) == 0);
  CHECK(r.value(g) == 2);
  cells.add(c);
  CHECK(r.value(c) == 1);
}
