#include "proxy/stats/cells.h"

#include <new>

#include "proxy/stats/registry_impl.h"

namespace outrigger::stats {

Cells::Cells(Registry* main) noexcept : main_(main) {}

// The Registry has taken all slabs before.
Cells::~Cells() {
  for (auto& page : pages_) delete[] page.load(std::memory_order_relaxed);
}

std::uint64_t* Cells::peek(std::uint32_t id) const noexcept {
  const Slot* page = pages_[(id >> kPageBits) % kPages].load(std::memory_order_acquire);
  if (page == nullptr) return nullptr;
  return page[id % kPageSize].load(std::memory_order_acquire);
}

std::uint64_t* Cells::make(BlockHandle b) noexcept {
  if (b.id == 0 || b.id >= kMaxBlocks || main_ != nullptr) return nullptr;
  auto& page_slot = pages_[b.id >> kPageBits];
  Slot* page = page_slot.load(std::memory_order_relaxed);
  if (page == nullptr) {
    page = new (std::nothrow) Slot[kPageSize]();
    if (page == nullptr) return nullptr;
    page_slot.store(page, std::memory_order_release);
  }
  Slot& slot = page[b.id % kPageSize];
  std::uint64_t* slab = slot.load(std::memory_order_relaxed);
  if (slab == nullptr) {
    slab = new (std::nothrow) std::uint64_t[std::size_t{b.stats} + b.families]();
    if (slab != nullptr) slot.store(slab, std::memory_order_release);
  }
  return slab;
}

std::uint64_t* Cells::take(std::uint32_t id) noexcept {
  Slot* page = pages_[(id >> kPageBits) % kPages].load(std::memory_order_acquire);
  if (page == nullptr) return nullptr;
  return page[id % kPageSize].exchange(nullptr, std::memory_order_acq_rel);
}

void Cells::add_slow(BlockHandle b, std::size_t i, std::uint64_t by) noexcept {
  if (main_ != nullptr) {
    if (Block* block = main_->impl_->block(b.id)) {
      block->part().cell(static_cast<std::uint16_t>(i)) += by;
    }
    return;
  }
  if (std::uint64_t* slab = make(b)) bump(slab[i], by);
}

void Cells::gauge_slow(BlockHandle b, std::size_t i, std::int64_t by) noexcept {
  if (main_ != nullptr) {
    add_slow(b, i, static_cast<std::uint64_t>(by));
    return;
  }
  if (std::uint64_t* slab = make(b)) bump_gauge(slab[i], by);
}

void Cells::record_at(BlockHandle b, std::size_t i, std::uint64_t value) noexcept {
  if (main_ != nullptr) {
    Block* block = main_->impl_->block(b.id);
    if (block == nullptr) return;
    MainHistogram& h = block->part().make_histogram(i);
    if (!h.cells) h.cells = std::make_unique<HistogramCells>();
    h.cells->record(value);
    return;
  }
  std::uint64_t* slab = find(b);
  if (slab == nullptr) slab = make(b);
  if (slab == nullptr) return;
  std::atomic_ref<std::uint64_t> cell(slab[i]);
  auto raw = static_cast<std::uintptr_t>(cell.load(std::memory_order_relaxed));
  if (raw == 0) [[unlikely]] {
    raw = reinterpret_cast<std::uintptr_t>(new (std::nothrow) HistogramCells);
    if (raw == 0) return;
    cell.store(raw, std::memory_order_release);
  }
  reinterpret_cast<HistogramCells*>(raw)->record(value);
}

void Cells::add_code_at(BlockHandle b, std::size_t family, unsigned code) noexcept {
  if (family >= b.families || code < 100 || code > 999) return;
  if (main_ != nullptr) {
    Block* block = main_->impl_->block(b.id);
    if (block == nullptr) return;
    auto& codes = block->part().codes;
    if (codes.size() <= family) codes.resize(family + 1);
    if (!codes[family]) codes[family] = std::make_unique<CodeCells>();
    codes[family]->add(code);
    return;
  }
  std::uint64_t* slab = find(b);
  if (slab == nullptr) slab = make(b);
  if (slab == nullptr) return;
  std::atomic_ref<std::uint64_t> cell(slab[b.stats + family]);
  auto raw = static_cast<std::uintptr_t>(cell.load(std::memory_order_relaxed));
  if (raw == 0) [[unlikely]] {
    raw = reinterpret_cast<std::uintptr_t>(new (std::nothrow) CodeCells);
    if (raw == 0) return;
    cell.store(raw, std::memory_order_release);
  }
  reinterpret_cast<CodeCells*>(raw)->add(code);
}

CodeCells::~CodeCells() {
  for (auto& c : classes_) delete[] c.load(std::memory_order_relaxed);
}

void CodeCells::add(unsigned code) noexcept {
  auto& slot = classes_[code / 100 - 1];
  std::uint64_t* counts = slot.load(std::memory_order_relaxed);
  if (counts == nullptr) [[unlikely]] {
    counts = new (std::nothrow) std::uint64_t[100]();
    if (counts == nullptr) return;
    slot.store(counts, std::memory_order_release);
  }
  std::atomic_ref<std::uint64_t> ref(counts[code % 100]);
  ref.store(ref.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void CodeCells::collect(std::span<std::uint64_t> codes) const noexcept {
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    std::uint64_t* counts = classes_[c].load(std::memory_order_acquire);
    if (counts == nullptr) continue;
    for (std::size_t i = 0; i < 100; ++i) codes[c * 100 + i] += load_cell(counts, i);
  }
}

}  // namespace outrigger::stats
