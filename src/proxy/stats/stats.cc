#include "proxy/stats/stats.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>

namespace outrigger::stats {

/// Counters per status code of one family, allocated by hundreds.
class CodeCells {
 public:
  ~CodeCells() {
    for (auto& c : classes_) delete[] c.load(std::memory_order_relaxed);
  }
  void add(unsigned code) noexcept {
    auto& slot = classes_[code / 100 - 1];
    std::uint64_t* counts = slot.load(std::memory_order_relaxed);
    if (counts == nullptr) {
      counts = new (std::nothrow) std::uint64_t[100]();
      if (counts == nullptr) return;
      slot.store(counts, std::memory_order_release);
    }
    std::atomic_ref<std::uint64_t> ref(counts[code % 100]);
    ref.store(ref.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  void collect(std::array<std::uint64_t, 900>& out) const noexcept {
    for (std::size_t c = 0; c < classes_.size(); ++c) {
      std::uint64_t* counts = classes_[c].load(std::memory_order_acquire);
      if (counts == nullptr) continue;
      for (std::size_t i = 0; i < 100; ++i)
        out[c * 100 + i] += std::atomic_ref<std::uint64_t>(counts[i]).load(std::memory_order_relaxed);
    }
  }

 private:
  std::array<std::atomic<std::uint64_t*>, 9> classes_{};
};

namespace {
template <class T>
T* from_cell(std::uint64_t& cell) noexcept {
  return reinterpret_cast<T*>(std::atomic_ref<std::uint64_t>(cell).load(std::memory_order_acquire));
}
/// The object a cell points to, made at first use by the cell's only writer.
template <class T>
T* make_in_cell(std::uint64_t& cell) noexcept {
  std::atomic_ref<std::uint64_t> ref(cell);
  if (auto* t = reinterpret_cast<T*>(ref.load(std::memory_order_relaxed))) return t;
  auto* t = new (std::nothrow) T();
  ref.store(reinterpret_cast<std::uint64_t>(t), std::memory_order_release);
  return t;
}
struct SetValue {
  std::uint64_t value = 0;
  bool set = false;
};
}  // namespace

struct Registry::Impl {
  struct Block {
    const BlockType* type = nullptr;
    std::string prefix;
    std::uint32_t references = 0;
    std::unique_ptr<std::vector<SetValue>> set;                // by the main thread
    std::unique_ptr<std::vector<std::uint64_t>> base;          // counters at the last reset
    std::map<std::uint16_t, std::unique_ptr<MergedHistogram>> histograms;
    std::vector<std::uint64_t> code_base;
  };
  std::deque<Block> blocks;  // by id; 0 is the null block
  std::deque<BlockType> types;
  std::unordered_map<std::string, std::uint32_t> by_name;  // type pointer and prefix
  std::vector<std::unique_ptr<Cells>> cells;
  std::deque<std::string> names;
  std::map<std::string, std::string, std::less<>> texts;
  std::vector<std::string> text_names;
  std::map<std::pair<const StatDef*, std::size_t>, const BlockType*> known_types;
  const BlockType* single[3] = {};
  const BlockType* single_unit[5] = {};
};

Cells::Cells(Registry* main) noexcept : main_(main) {}

Cells::~Cells() {
  for (auto& page : pages_) delete[] page.load(std::memory_order_relaxed);
}

std::uint64_t* Cells::peek(std::uint32_t id) const noexcept {
  const Slot* page = pages_[(id >> kPageBits) % kPages].load(std::memory_order_acquire);
  return page == nullptr ? nullptr : page[id % kPageSize].load(std::memory_order_acquire);
}

std::uint64_t* Cells::make(BlockHandle b) noexcept {
  if (b.id == 0) return nullptr;
  if (std::uint64_t* have = find(b)) return have;
  auto& page_slot = pages_[(b.id >> kPageBits) % kPages];
  Slot* page = page_slot.load(std::memory_order_relaxed);
  if (page == nullptr) {
    page = new (std::nothrow) Slot[kPageSize]();
    if (page == nullptr) return nullptr;
    page_slot.store(page, std::memory_order_release);
  }
  auto* slab = new (std::nothrow) std::uint64_t[b.stats + b.families]();
  if (slab == nullptr) return nullptr;
  page[b.id % kPageSize].store(slab, std::memory_order_release);
  return slab;
}

std::uint64_t* Cells::take(std::uint32_t id) noexcept {
  Slot* page = pages_[(id >> kPageBits) % kPages].load(std::memory_order_acquire);
  return page == nullptr ? nullptr : page[id % kPageSize].exchange(nullptr, std::memory_order_acq_rel);
}

void Cells::add_slow(BlockHandle b, std::size_t i, std::uint64_t by) noexcept {
  if (std::uint64_t* slab = make(b)) bump(slab[i], by);
}
void Cells::gauge_slow(BlockHandle b, std::size_t i, std::int64_t by) noexcept {
  if (std::uint64_t* slab = make(b)) bump_gauge(slab[i], by);
}
void Cells::record_at(BlockHandle b, std::size_t i, std::uint64_t value) noexcept {
  std::uint64_t* slab = make(b);
  if (slab == nullptr) return;
  if (auto* h = make_in_cell<HistogramCells>(slab[i])) h->record(value);
}
void Cells::add_code_at(BlockHandle b, std::size_t family, unsigned code) noexcept {
  if (code < 100 || code > 999 || family >= b.families) return;
  std::uint64_t* slab = make(b);
  if (slab == nullptr) return;
  if (auto* c = make_in_cell<CodeCells>(slab[b.stats + family])) c->add(code);
}

Registry::Registry() : impl_(std::make_unique<Impl>()) {
  impl_->blocks.emplace_back();
  impl_->cells.push_back(std::unique_ptr<Cells>(new Cells(this)));
  main_ = impl_->cells.front().get();
}

namespace {
void free_slab(const BlockType& t, std::uint64_t* slab) {
  if (slab == nullptr) return;
  for (std::size_t i = 0; i < t.stats.size(); ++i)
    if (t.stats[i].kind == Kind::histogram) delete from_cell<HistogramCells>(slab[i]);
  for (std::size_t f = 0; f < t.families.size(); ++f) delete from_cell<CodeCells>(slab[t.stats.size() + f]);
  delete[] slab;
}
}  // namespace

Registry::~Registry() {
  for (std::uint32_t id = 1; id < impl_->blocks.size(); ++id)
    for (auto& c : impl_->cells)
      if (impl_->blocks[id].type != nullptr) free_slab(*impl_->blocks[id].type, c->take(id));
}

Cells& Registry::new_cells() {
  impl_->cells.push_back(std::unique_ptr<Cells>(new Cells(nullptr)));
  return *impl_->cells.back();
}

const BlockType* Registry::define_block(std::span<const StatDef> stats, std::span<const std::string_view> families) {
  auto& known = impl_->known_types[{stats.data(), stats.size()}];
  if (known != nullptr) return known;
  auto& t = impl_->types.emplace_back();
  t.stats.assign(stats.begin(), stats.end());
  t.families.assign(families.begin(), families.end());
  t.order.resize(stats.size());
  for (std::size_t i = 0; i < stats.size(); ++i) t.order[i] = static_cast<std::uint16_t>(i);
  std::sort(t.order.begin(), t.order.end(), [&](auto a, auto b) { return t.stats[a].suffix < t.stats[b].suffix; });
  return known = &t;
}

BlockHandle Registry::instantiate(const BlockType* type, std::string_view prefix) {
  std::string key(reinterpret_cast<const char*>(&type), sizeof type);
  key += prefix;
  const auto [at, fresh] = impl_->by_name.try_emplace(std::move(key), 0);
  if (fresh) {
    if (impl_->blocks.size() >= Cells::kMaxBlocks) {
      impl_->by_name.erase(at);
      return {};
    }
    at->second = static_cast<std::uint32_t>(impl_->blocks.size());
    auto& b = impl_->blocks.emplace_back();
    b.type = type;
    b.prefix = prefix;
  }
  impl_->blocks[at->second].references++;
  return {at->second, static_cast<std::uint16_t>(type->stats.size()), static_cast<std::uint16_t>(type->families.size())};
}

void Registry::release(BlockHandle block) {
  if (!block) return;
  auto& b = impl_->blocks[block.id];
  if (b.references == 0 || --b.references > 0) return;
  for (auto& c : impl_->cells) free_slab(*b.type, c->take(block.id));
  std::string key(reinterpret_cast<const char*>(&b.type), sizeof b.type);
  impl_->by_name.erase(key + b.prefix);
  b = {};
}

namespace {
constexpr StatDef kCounter[] = {{Kind::counter, ""}};
constexpr StatDef kGauge[] = {{Kind::gauge, ""}};
constexpr StatDef kHistograms[] = {{Kind::histogram, "", Unit::unspecified}, {Kind::histogram, "", Unit::bytes},
                                   {Kind::histogram, "", Unit::microseconds}, {Kind::histogram, "", Unit::milliseconds},
                                   {Kind::histogram, "", Unit::percent}};
}  // namespace

Counter Registry::counter(std::string_view name) { return {instantiate(define_block(kCounter), name).id}; }
Gauge Registry::gauge(std::string_view name) { return {instantiate(define_block(kGauge), name).id}; }
Histogram Registry::histogram(std::string_view name, Unit unit) {
  return {instantiate(define_block({kHistograms + static_cast<int>(unit), 1}), name).id};
}
TextReadout Registry::text_readout(std::string_view name) {
  auto& names = impl_->text_names;
  const auto at = std::find(names.begin(), names.end(), name);
  const auto index = static_cast<std::uint32_t>(at - names.begin());
  if (at == names.end()) names.emplace_back(name);
  impl_->texts.try_emplace(std::string(name));
  return {index};
}

void Registry::set(Gauge g, std::uint64_t value) { set_at({g.index, 1, 0}, 0, value); }
void Registry::set(TextReadout t, std::string_view value) { impl_->texts[impl_->text_names[t.index]] = value; }

void Registry::set_at(BlockHandle b, std::size_t stat, std::uint64_t value) {
  if (!b) return;
  auto& block = impl_->blocks[b.id];
  if (!block.set) block.set = std::make_unique<std::vector<SetValue>>(block.type->stats.size());
  (*block.set)[stat] = {value, true};
}

std::uint64_t Registry::value_at(BlockHandle b, std::size_t stat) const {
  if (!b) return 0;
  const auto& block = impl_->blocks[b.id];
  const bool gauge = block.type->stats[stat].kind == Kind::gauge;
  std::uint64_t sum = block.set ? (*block.set)[stat].value : 0;
  for (const auto& c : impl_->cells) {
    std::uint64_t* slab = c->peek(b.id);
    if (slab == nullptr) continue;
    const auto v = std::atomic_ref<std::uint64_t>(slab[stat]).load(std::memory_order_relaxed);
    sum += gauge ? static_cast<std::uint64_t>(static_cast<std::int64_t>(v) >> 1) : v;
  }
  if (!gauge && block.base) sum -= (*block.base)[stat];
  if (gauge && static_cast<std::int64_t>(sum) < 0) return 0;  // parts of several threads, read one by one
  return sum;
}

void Registry::merge_histograms() {
  std::vector<std::uint64_t> bins(kBins);
  for (std::uint32_t id = 1; id < impl_->blocks.size(); ++id) {
    auto& block = impl_->blocks[id];
    if (block.type == nullptr) continue;
    for (std::size_t i = 0; i < block.type->stats.size(); ++i) {
      if (block.type->stats[i].kind != Kind::histogram) continue;
      bool any = false;
      for (const auto& c : impl_->cells) {
        std::uint64_t* slab = c->peek(id);
        const auto* h = slab == nullptr ? nullptr : from_cell<HistogramCells>(slab[i]);
        if (h == nullptr) continue;
        if (!any) std::fill(bins.begin(), bins.end(), 0);
        any = true;
        h->collect(bins);
      }
      if (!any) continue;
      auto& merged = block.histograms[static_cast<std::uint16_t>(i)];
      if (!merged) merged = std::make_unique<MergedHistogram>();
      merged->merge(bins);
    }
  }
}

void Registry::reset_counters() {
  for (std::uint32_t id = 1; id < impl_->blocks.size(); ++id) {
    auto& block = impl_->blocks[id];
    if (block.type == nullptr) continue;
    const BlockHandle h{id, static_cast<std::uint16_t>(block.type->stats.size()), 0};
    std::vector<std::uint64_t> now(h.stats);
    bool any = false;
    for (std::size_t i = 0; i < h.stats; ++i) {
      if (block.type->stats[i].kind != Kind::counter) continue;
      now[i] = value_at(h, i) + (block.base ? (*block.base)[i] : 0);
      any = any || now[i] != 0;
    }
    if (any) block.base = std::make_unique<std::vector<std::uint64_t>>(std::move(now));
  }
}

void Registry::visit(const std::function<void(const StatView&)>& see) const {
  std::string family;
  for (std::uint32_t id = 1; id < impl_->blocks.size(); ++id) {
    const auto& block = impl_->blocks[id];
    if (block.type == nullptr) continue;
    const BlockType& t = *block.type;
    const BlockHandle h{id, static_cast<std::uint16_t>(t.stats.size()), static_cast<std::uint16_t>(t.families.size())};
    for (const auto i : t.order) {
      const StatDef& def = t.stats[i];
      StatView v{block.prefix, def.suffix, def.kind, def.unit, false, 0, nullptr};
      if (def.kind == Kind::histogram) {
        const auto at = block.histograms.find(i);
        v.histogram = at == block.histograms.end() ? nullptr : at->second.get();
        v.used = v.histogram != nullptr;
      } else {
        v.value = value_at(h, i);
        v.used = v.value != 0 || (block.set && (*block.set)[i].set);
        if (!v.used && def.kind == Kind::gauge)
          for (const auto& c : impl_->cells) {
            std::uint64_t* slab = c->peek(id);
            v.used = v.used || (slab != nullptr && std::atomic_ref<std::uint64_t>(slab[i]).load(std::memory_order_relaxed) != 0);
          }
      }
      if (def.on_demand && !v.used) continue;
      see(v);
    }
    for (std::size_t f = 0; f < t.families.size(); ++f) {
      std::array<std::uint64_t, 900> codes{};
      for (const auto& c : impl_->cells) {
        std::uint64_t* slab = c->peek(id);
        const auto* cc = slab == nullptr ? nullptr : from_cell<CodeCells>(slab[t.stats.size() + f]);
        if (cc != nullptr) cc->collect(codes);
      }
      for (std::size_t klass = 0; klass < 9; ++klass) {
        std::uint64_t sum = 0;
        for (std::size_t i = klass * 100; i < klass * 100 + 100; ++i) {
          sum += codes[i];
          if (codes[i] == 0) continue;
          family = std::string(t.families[f]) + std::to_string(i + 100);
          see({block.prefix, family, Kind::counter, Unit::unspecified, true, codes[i], nullptr});
        }
        if (sum == 0) continue;
        family = std::string(t.families[f]) + static_cast<char>('1' + klass) + "xx";
        see({block.prefix, family, Kind::counter, Unit::unspecified, true, sum, nullptr});
      }
    }
  }
}

const std::map<std::string, std::string, std::less<>>& Registry::texts() const { return impl_->texts; }

}  // namespace outrigger::stats
