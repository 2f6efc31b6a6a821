#include "proxy/stats/walk.h"

#include <algorithm>
#include <memory>

#include "proxy/stats/registry_impl.h"

namespace outrigger::stats {
namespace {

// Compares a1 + a2 with b1 + b2.
int compare_joined(std::string_view a1, std::string_view a2, std::string_view b1, std::string_view b2) noexcept {
  const std::size_t common = std::min(a1.size(), b1.size());
  if (const int c = a1.substr(0, common).compare(b1.substr(0, common))) return c;
  if (a1.size() == b1.size()) return a2.compare(b2);
  if (a1.size() > b1.size()) return -compare_joined(b1, b2, a1, a2);
  // a2 stands against the rest of b1, and then b2.
  const std::string_view rest = b1.substr(common);
  if (a2.size() <= rest.size()) {
    const int c = a2.compare(rest.substr(0, a2.size()));
    if (c != 0 || (a2.size() == rest.size() && b2.empty())) return c;
    return -1;
  }
  const int c = a2.substr(0, rest.size()).compare(rest);
  return c != 0 ? c : a2.substr(rest.size()).compare(b2);
}

// One block's stats in order, read when the walk comes to the block.
struct Cursor {
  std::vector<StatView> views;
  std::deque<std::string> made;  // suffixes of the code counters
  std::size_t at = 0;

  const StatView& view() const { return views[at]; }
};

bool later(const std::unique_ptr<Cursor>& a, const std::unique_ptr<Cursor>& b) {
  const StatView &x = a->view(), &y = b->view();
  return compare_joined(x.prefix, x.suffix, y.prefix, y.suffix) > 0;
}

unsigned bit(Kind kind) {
  switch (kind) {
    case Kind::counter: return Walk::counters;
    case Kind::gauge: return Walk::gauges;
    case Kind::histogram: return Walk::histograms;
  }
  return 0;
}

const MergedHistogram* merged(const Block& block, std::size_t stat) {
  const MainHistogram* h = block.main ? block.main->histogram(stat) : nullptr;
  return h != nullptr && !h->merged.cumulative.empty() ? &h->merged : nullptr;
}

// Whether a stat's cells were ever touched; a histogram's once recorded, merged or not.
bool touched(const Block& block, std::size_t stat, std::span<std::uint64_t* const> slabs) {
  if (block.type->stats[stat].kind != Kind::histogram) return read_cell(block, stat, slabs).used;
  if (block.main && block.main->histogram(stat) != nullptr) return true;
  return std::any_of(slabs.begin(), slabs.end(), [&](std::uint64_t* s) { return load_cell(s, stat) != 0; });
}

bool listed(const Block& block, const StatDef& def, std::span<std::uint64_t* const> slabs) {
  if (def.listed_with == StatDef::kAlways) return true;
  if (def.listed_with == StatDef::kWithBlock) return block.main != nullptr || !slabs.empty();
  return touched(block, def.listed_with, slabs);
}

void add_stats(const Block& block, std::span<std::uint64_t* const> slabs, unsigned select, Cursor& cursor) {
  for (const std::uint16_t i : block.type->order) {
    const StatDef& def = block.type->stats[i];
    if ((bit(def.kind) & select) == 0) continue;
    if (!listed(block, def, slabs)) continue;
    StatView v{block.prefix, def.suffix, def.kind, def.unit, false, 0, nullptr};
    if (def.kind == Kind::histogram) {
      v.histogram = merged(block, i);
      v.used = v.histogram != nullptr;
    } else {
      const Reading r = read_cell(block, i, slabs);
      v.value = r.value;
      v.used = r.used;
    }
    cursor.views.push_back(v);
  }
}

void add_code(const Block& block, Cursor& cursor, std::string_view family, std::string_view code, std::uint64_t value) {
  std::string& suffix = cursor.made.emplace_back(family);
  suffix += code;
  cursor.views.push_back({block.prefix, suffix, Kind::counter, Unit::unspecified, true, value, nullptr});
}

// Codes that no one defined are one counter, and have no class.
void add_codes(const Block& block, std::size_t family, std::span<std::uint64_t* const> slabs, Cursor& cursor) {
  std::array<std::uint64_t, CodeCells::kCodes> codes{};
  if (block.main && family < block.main->codes.size() && block.main->codes[family]) {
    block.main->codes[family]->collect(codes);
  }
  const std::size_t stats = block.type->stats.size();
  for (std::uint64_t* slab : slabs) {
    const auto* cells = load_pointer<CodeCells>(slab, stats + family);
    if (cells != nullptr) cells->collect(codes);
  }
  const std::string_view name = block.type->families[family];
  std::array<std::uint64_t, 10> classes{};
  std::uint64_t unknown = 0;
  std::array<bool, 10> used{};
  for (std::size_t c = 0; c < codes.size(); ++c) {
    if (codes[c] == 0) continue;
    const std::size_t code = c + 100;
    std::uint64_t value = codes[c];
    if (block.main) {
      const auto key = static_cast<std::uint32_t>(stats + family * 1000 + code);
      const auto reset = block.main->reset.find(key);
      if (reset != block.main->reset.end()) value -= reset->second;
    }
    used[code / 100] = true;
    if (code >= 600) {
      used[9] = true;
      unknown += value;
      continue;
    }
    classes[code / 100] += value;
    add_code(block, cursor, name, std::to_string(code), value);
  }
  for (std::size_t c = 1; c <= 5; ++c) {
    if (used[c]) add_code(block, cursor, name, std::to_string(c) + "xx", classes[c]);
  }
  if (used[9]) add_code(block, cursor, name, "unknown", unknown);
}

std::unique_ptr<Cursor> read_block(const Block& block, std::span<std::uint64_t* const> slabs, unsigned select) {
  auto cursor = std::make_unique<Cursor>();
  add_stats(block, slabs, select, *cursor);
  if ((select & Walk::counters) != 0 && (block.main || !slabs.empty())) {
    for (std::size_t f = 0; f < block.type->families.size(); ++f) {
      add_codes(block, f, slabs, *cursor);
    }
    if (!cursor->made.empty()) {
      std::sort(cursor->views.begin(), cursor->views.end(),
                [](const StatView& a, const StatView& b) { return a.suffix < b.suffix; });
    }
  }
  return cursor;
}

}  // namespace

void Walk::each(unsigned select, const std::function<void(const StatView&)>& f) const {
  registry_.impl_->adopt_named();
  const Registry::Impl& impl = *registry_.impl_;
  std::vector<std::uint32_t> ids;
  for (std::uint32_t id = 1; id < impl.blocks.size(); ++id) {
    if (impl.block(id) != nullptr) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end(),
            [&](std::uint32_t a, std::uint32_t b) { return impl.blocks[a].prefix < impl.blocks[b].prefix; });
  // A block joins once its prefix is due: no name of it comes before that.
  std::vector<std::unique_ptr<Cursor>> open;  // a heap, the next name on top
  std::vector<std::uint64_t*> slabs;
  std::size_t next = 0;
  while (next < ids.size() || !open.empty()) {
    while (next < ids.size()) {
      const Block& block = impl.blocks[ids[next]];
      if (!open.empty()) {
        const StatView& top = open.front()->view();
        if (compare_joined(block.prefix, {}, top.prefix, top.suffix) > 0) break;
      }
      impl.slabs(ids[next], slabs);
      ++next;
      auto cursor = read_block(block, slabs, select);
      if (cursor->views.empty()) continue;
      open.push_back(std::move(cursor));
      std::push_heap(open.begin(), open.end(), later);
    }
    if (open.empty()) break;
    std::pop_heap(open.begin(), open.end(), later);
    Cursor& cursor = *open.back();
    f(cursor.view());
    if (++cursor.at == cursor.views.size()) {
      open.pop_back();
    } else {
      std::push_heap(open.begin(), open.end(), later);
    }
  }
}

void Walk::each_readout(const std::function<void(std::string_view, std::string_view, bool)>& f) const {
  std::vector<const ReadoutCell*> sorted;
  for (const ReadoutCell& r : registry_.impl_->readouts) {
    if (!r.name.empty()) sorted.push_back(&r);
  }
  std::sort(sorted.begin(), sorted.end(), [](const ReadoutCell* a, const ReadoutCell* b) { return a->name < b->name; });
  for (const ReadoutCell* r : sorted) f(r->name, r->value, r->used);
}

}  // namespace outrigger::stats
