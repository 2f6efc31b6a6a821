// The Registry's insides, shared by stats.cc, cells.cc and walk.cc only. Main thread.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "proxy/stats/named_blocks.h"
#include "proxy/stats/stats.h"

namespace outrigger::stats {

/// Counters by status code of one family: nine classes of a hundred, each made at its first code.
class CodeCells {
 public:
  CodeCells() = default;
  ~CodeCells();
  CodeCells(const CodeCells&) = delete;
  CodeCells& operator=(const CodeCells&) = delete;

  void add(unsigned code) noexcept;
  /// Adds the counts to `codes`, which holds those of 100..999. Any thread.
  void collect(std::span<std::uint64_t> codes) const noexcept;
  static constexpr std::size_t kCodes = 900;

 private:
  std::array<std::atomic<std::uint64_t*>, 9> classes_{};
};

struct MainHistogram {
  std::uint16_t stat = 0;
  std::unique_ptr<HistogramCells> cells;  // what the main thread recorded, if anything
  MergedHistogram merged;
};

/// What main wrote to a block or remembers of it.
struct MainPart {
  struct Cell {
    std::uint64_t value;
    std::uint16_t stat;
  };
  std::vector<Cell> cells;  // sorted by stat
  std::vector<std::unique_ptr<MainHistogram>> histograms;
  std::vector<std::unique_ptr<CodeCells>> codes;  // by family
  // Counters' values at the last /reset_counters; the key is the stat, or for a code
  // stats + family * 1000 + code.
  std::map<std::uint32_t, std::uint64_t> reset;

  Cell* find(std::uint16_t stat) noexcept;
  std::uint64_t& cell(std::uint16_t stat);
  MainHistogram* histogram(std::size_t stat) const noexcept;
  MainHistogram& make_histogram(std::size_t stat);
};

struct Block {
  const BlockType* type = nullptr;  // null: the id is free
  std::string prefix;
  std::uint32_t references = 0;
  std::uint32_t slab = 0;          // the workers' slabs are at this id
  std::unique_ptr<MainPart> main;  // null until needed

  MainPart& part() {
    if (!main) main = std::make_unique<MainPart>();
    return *main;
  }
};

struct ReadoutCell {
  std::string name;  // empty: the index is free
  std::string value;
  std::uint32_t references = 0;
  bool used = false;
};

struct Registry::Impl {
  struct Key {
    const BlockType* type;
    std::string_view prefix;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& k) const noexcept {
      return std::hash<std::string_view>{}(k.prefix) ^ reinterpret_cast<std::uintptr_t>(k.type);
    }
  };

  std::vector<std::unique_ptr<Cells>> cells;  // the first is main's
  std::deque<BlockType> types;
  std::map<std::pair<const StatDef*, std::size_t>, const BlockType*> types_by_list;
  std::deque<Block> blocks;  // by id; 0 is the null block. Keys point to their prefixes.
  std::vector<std::uint32_t> free;
  std::unordered_map<Key, std::uint32_t, KeyHash> by_name;
  /// Blocks that workers make have ids from the table's end down; `blocks` lists them with the others.
  static constexpr std::uint32_t kNamedIds = 65536;
  static constexpr std::uint32_t kFirstNamedId = Cells::kMaxBlocks - kNamedIds;
  std::atomic<std::uint32_t> next_named_id{Cells::kMaxBlocks - 1};
  std::deque<NamedBlocks> named;
  Counter names_overflow;  // stats.overflow
  void adopt_named();
  std::deque<ReadoutCell> readouts;  // by index; 0 is the null one. Keys point to their names.
  std::unordered_map<std::string_view, std::uint32_t> readouts_by_name;
  std::vector<std::uint32_t> free_readouts;
  const BlockType* single_counter = nullptr;
  const BlockType* single_gauge = nullptr;
  std::array<const BlockType*, 5> single_histogram{};

  Block* block(std::uint32_t id) noexcept { return id < blocks.size() && blocks[id].type != nullptr ? &blocks[id] : nullptr; }
  const Block* block(std::uint32_t id) const noexcept {
    return id < blocks.size() && blocks[id].type != nullptr ? &blocks[id] : nullptr;
  }
  /// The workers' slabs of a block.
  void slabs(std::uint32_t id, std::vector<std::uint64_t*>& out) const;
  void destroy_slab(const BlockType& type, std::uint64_t* slab) noexcept;
};

/// A slab's cell as the reader sees it.
inline std::uint64_t load_cell(std::uint64_t* slab, std::size_t i) noexcept {
  return std::atomic_ref<std::uint64_t>(slab[i]).load(std::memory_order_relaxed);
}
/// A slab's cell that holds a pointer.
template <class T>
T* load_pointer(std::uint64_t* slab, std::size_t i) noexcept {
  const auto raw = std::atomic_ref<std::uint64_t>(slab[i]).load(std::memory_order_acquire);
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(raw));
}

/// One stat's sum, and whether it was ever touched.
struct Reading {
  std::uint64_t value = 0;
  bool used = false;
};
Reading read_cell(const Block& block, std::size_t stat, std::span<std::uint64_t* const> slabs);

}  // namespace outrigger::stats
