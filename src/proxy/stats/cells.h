// Cells: where one thread counts. Exactly one thread writes a Cells (its worker, or main for the
// main one); the Registry reads all of them from the main thread at any time.
// An increment is one relaxed load, add and store; nothing is locked. The first touch of a block
// by a worker allocates that worker's copy of it; until then a block costs one null pointer.
#pragma once
#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "proxy/stats/types.h"

namespace outrigger::stats {

class HistogramCells;
class CodeCells;
class Registry;

class Cells {
 public:
  ~Cells();
  Cells(const Cells&) = delete;
  Cells& operator=(const Cells&) = delete;

  void add(Counter c, std::uint64_t by = 1) noexcept { add({c.index, 1, 0}, 0, by); }
  void add(Gauge g, std::int64_t by) noexcept { gauge_add({g.index, 1, 0}, 0, by); }
  void inc(Gauge g) noexcept { add(g, 1); }
  void dec(Gauge g) noexcept { add(g, -1); }
  void sub(Gauge g, std::int64_t by) noexcept { add(g, -by); }
  void record(Histogram h, std::uint64_t value) noexcept { record({h.index, 1, 0}, 0, value); }

  /// `stat` is an enumerator of names.h that belongs to the block's type.
  template <class Stat>
  void add(BlockHandle b, Stat stat, std::uint64_t by = 1) noexcept {
    if (std::uint64_t* slab = find(b)) [[likely]] {
      bump(slab[index(b, stat)], by);
    } else {
      add_slow(b, index(b, stat), by);
    }
  }

  /// A worker's part of a gauge; the printed value is the sum of all threads' parts.
  template <class Stat>
  void gauge_add(BlockHandle b, Stat stat, std::int64_t by) noexcept {
    if (std::uint64_t* slab = find(b)) [[likely]] {
      bump_gauge(slab[index(b, stat)], by);
    } else {
      gauge_slow(b, index(b, stat), by);
    }
  }
  template <class Stat>
  void inc(BlockHandle b, Stat stat) noexcept {
    gauge_add(b, stat, 1);
  }
  template <class Stat>
  void dec(BlockHandle b, Stat stat) noexcept {
    gauge_add(b, stat, -1);
  }

  template <class Stat>
  void record(BlockHandle b, Stat stat, std::uint64_t value) noexcept {
    record_at(b, index(b, stat), value);
  }

  /// Counts `<family>_<code>` and, through it, `<family>_<n>xx`. Codes outside 100..999 are
  /// ignored.
  template <class Family>
  void add_code(BlockHandle b, Family family, unsigned code) noexcept {
    add_code_at(b, static_cast<std::size_t>(family), code);
  }

 private:
  friend class Registry;
  static constexpr std::size_t kPageBits = 10;
  static constexpr std::size_t kPageSize = std::size_t{1} << kPageBits;
  static constexpr std::size_t kPages = 1024;
  static constexpr std::size_t kMaxBlocks = kPageSize * kPages;
  using Slot = std::atomic<std::uint64_t*>;

  explicit Cells(Registry* main) noexcept;  // `main` is set for the main thread's Cells only

  template <class Stat>
  static std::size_t index(BlockHandle b, Stat stat) noexcept {
    const auto i = static_cast<std::size_t>(stat);
    assert(b.id == 0 || i < b.stats);
    (void)b;
    return i;
  }
  static void bump(std::uint64_t& cell, std::uint64_t by) noexcept {
    std::atomic_ref<std::uint64_t> ref(cell);
    ref.store(ref.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  // A gauge's cell is the part times two, plus one once it was touched.
  static void bump_gauge(std::uint64_t& cell, std::int64_t by) noexcept {
    std::atomic_ref<std::uint64_t> ref(cell);
    const auto next = (ref.load(std::memory_order_relaxed) + (static_cast<std::uint64_t>(by) << 1)) | 1;
    ref.store(next, std::memory_order_relaxed);
  }

  std::uint64_t* find(BlockHandle b) const noexcept {
    const Slot* page = pages_[(b.id >> kPageBits) % kPages].load(std::memory_order_relaxed);
    if (page == nullptr) return nullptr;
    return page[b.id % kPageSize].load(std::memory_order_relaxed);
  }
  // As the reader sees it: what the returned slab points to is visible.
  std::uint64_t* peek(std::uint32_t id) const noexcept;
  // The slab, made when missing; null for the null block, the main thread and when out of memory.
  std::uint64_t* make(BlockHandle b) noexcept;
  // Main thread, when no worker can hold the block any more.
  std::uint64_t* take(std::uint32_t id) noexcept;

  void add_slow(BlockHandle b, std::size_t i, std::uint64_t by) noexcept;
  void gauge_slow(BlockHandle b, std::size_t i, std::int64_t by) noexcept;
  void record_at(BlockHandle b, std::size_t i, std::uint64_t value) noexcept;
  void add_code_at(BlockHandle b, std::size_t family, unsigned code) noexcept;

  Registry* main_;
  std::array<std::atomic<Slot*>, kPages> pages_{};
};

}  // namespace outrigger::stats
