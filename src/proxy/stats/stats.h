// The Registry: names of all stats and the sums of all threads' cells. Owned by the server, main
// thread only. Workers get a Cells each (see cells.h) and the handles that this class makes.
//
// A block type lists the stats below a prefix (names.h has Envoy's); instantiating one for a
// prefix costs some tens of bytes until the first event, yet every stat of it is printed.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/stats/cells.h"
#include "proxy/stats/histogram.h"
#include "proxy/stats/types.h"

namespace outrigger::stats {

/// What all blocks of a kind share. Lives as long as its Registry.
struct BlockType {
  std::vector<StatDef> stats;
  std::vector<std::string_view> families;  // e.g. "upstream_rq_": then <code> and <n>xx follow
  std::vector<std::uint16_t> order;        // stats sorted by suffix
};

/// One stat as the walks below show it.
struct StatView {
  std::string_view prefix, suffix;  // the name is prefix + suffix
  Kind kind = Kind::counter;
  Unit unit = Unit::unspecified;
  bool used = false;
  std::uint64_t value = 0;                     // counters and gauges
  const MergedHistogram* histogram = nullptr;  // null: nothing merged yet
};

class NamedBlocks;

/// What somebody got and has to give back.
struct Holdings {
  std::vector<BlockHandle> blocks;
  std::vector<TextReadout> readouts;
};

class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// The main thread's cells.
  Cells& main() noexcept { return *main_; }
  /// Cells for one more thread; they live as long as the Registry.
  Cells& new_cells();

  // Single stats: found or made by full name.
  Counter counter(std::string_view name);
  Gauge gauge(std::string_view name);
  Histogram histogram(std::string_view name, Unit unit = Unit::milliseconds);
  TextReadout text_readout(std::string_view name);

  /// `stats` and `families` must point to static text. Types with equal contents are not merged:
  /// define each once (names.h: block_type<ClusterStat>(registry)).
  const BlockType* define_block(std::span<const StatDef> stats, std::span<const std::string_view> families = {});
  /// Finds or makes the block; every call must be paired with a release(). `prefix` ends with '.'
  /// unless empty. Returns the null block when the table is full.
  BlockHandle instantiate(const BlockType* type, std::string_view prefix);
  /// What it was made with; it lives as long as the block.
  std::string_view prefix(BlockHandle block) const noexcept;
  /// For a block that no worker can touch any more (its config was retired).
  void release(BlockHandle block);
  void release(TextReadout readout);
  /// Any thread: releases them on the main thread, through the function below (without one: now, on this thread).
  void give_back(Holdings all);
  void set_main_thread(std::function<void(std::function<void()>)> post) { post_to_main_ = std::move(post); }
  /// Where it is noted what is handed out; null: nowhere. Returns what was set (see lease.h).
  Holdings* record(Holdings* into) noexcept { return std::exchange(recording_, into); }

  /// Blocks by names that come with requests; it lives as long as the Registry.
  NamedBlocks& named_blocks(const BlockType* type, std::string_view prefix);

  // Writing from the main thread. A set gauge prints as the value plus the workers' parts.
  void set(Gauge g, std::uint64_t value);
  void set(TextReadout t, std::string_view value);
  template <class Stat>
  void set(BlockHandle b, Stat stat, std::uint64_t value) {
    set_at(b, static_cast<std::size_t>(stat), value);
  }

  // Reading: sums over all threads.
  std::uint64_t value(Counter c) const { return value_at({c.index, 1, 0}, 0); }
  std::uint64_t value(Gauge g) const { return value_at({g.index, 1, 0}, 0); }
  template <class Stat>
  std::uint64_t value(BlockHandle b, Stat stat) const {
    return value_at(b, static_cast<std::size_t>(stat));
  }

  /// Envoy merges histograms once per stats_flush_interval: what was recorded since the last
  /// call becomes the interval that is printed.
  void merge_histograms();
  /// POST /reset_counters
  void reset_counters();

 private:
  friend class Cells;
  friend class Walk;
  struct Impl;
  void set_at(BlockHandle b, std::size_t stat, std::uint64_t value);
  std::uint64_t value_at(BlockHandle b, std::size_t stat) const;

  std::unique_ptr<Impl> impl_;
  Cells* main_ = nullptr;
  Holdings* recording_ = nullptr;
  std::function<void(std::function<void()>)> post_to_main_;
};

}  // namespace outrigger::stats
