#include "proxy/stats/stats.h"

#include <algorithm>
#include <numeric>

#include "proxy/stats/registry_impl.h"

namespace outrigger::stats {
namespace {

constexpr StatDef kSingleCounter[] = {{Kind::counter, ""}};
constexpr StatDef kSingleGauge[] = {{Kind::gauge, ""}};
/// Names from requests that found no place: listed once there was one.
constexpr StatDef kOverflow[] = {{Kind::counter, "overflow", Unit::unspecified, 0}};
constexpr StatDef kSingleHistograms[] = {
    {Kind::histogram, "", Unit::unspecified},  {Kind::histogram, "", Unit::bytes},   {Kind::histogram, "", Unit::microseconds},
    {Kind::histogram, "", Unit::milliseconds}, {Kind::histogram, "", Unit::percent},
};

}  // namespace

MainPart::Cell* MainPart::find(std::uint16_t stat) noexcept {
  const auto at = std::lower_bound(cells.begin(), cells.end(), stat, [](const Cell& c, std::uint16_t s) { return c.stat < s; });
  return at != cells.end() && at->stat == stat ? &*at : nullptr;
}

constexpr std::size_t kCellsMore = 4;  // few are written by main, in very many blocks

std::uint64_t& MainPart::cell(std::uint16_t stat) {
  const auto at = std::lower_bound(cells.begin(), cells.end(), stat, [](const Cell& c, std::uint16_t s) { return c.stat < s; });
  if (at != cells.end() && at->stat == stat) return at->value;
  const auto place = at - cells.begin();
  if (cells.size() == cells.capacity()) cells.reserve(cells.size() + kCellsMore);
  return cells.insert(cells.begin() + place, {0, stat})->value;
}

MainHistogram* MainPart::histogram(std::size_t stat) const noexcept {
  for (const auto& h : histograms) {
    if (h->stat == stat) return h.get();
  }
  return nullptr;
}

MainHistogram& MainPart::make_histogram(std::size_t stat) {
  if (MainHistogram* h = histogram(stat)) return *h;
  histograms.push_back(std::make_unique<MainHistogram>());
  histograms.back()->stat = static_cast<std::uint16_t>(stat);
  return *histograms.back();
}

Reading read_cell(const Block& block, std::size_t stat, std::span<std::uint64_t* const> slabs) {
  Reading out;
  const bool gauge = block.type->stats[stat].kind == Kind::gauge;
  if (block.main) {
    if (const auto* cell = block.main->find(static_cast<std::uint16_t>(stat))) {
      out.value = cell->value;
      out.used = true;
    }
  }
  for (std::uint64_t* slab : slabs) {
    const std::uint64_t raw = load_cell(slab, stat);
    out.used |= raw != 0;
    out.value += gauge ? static_cast<std::uint64_t>(static_cast<std::int64_t>(raw) >> 1) : raw;
  }
  if (!gauge && block.main) {
    const auto reset = block.main->reset.find(static_cast<std::uint32_t>(stat));
    if (reset != block.main->reset.end()) out.value -= reset->second;
  }
  return out;
}

void Registry::Impl::slabs(std::uint32_t id, std::vector<std::uint64_t*>& out) const {
  out.clear();
  for (std::size_t i = 1; i < cells.size(); ++i) {
    if (std::uint64_t* slab = cells[i]->peek(blocks[id].slab)) out.push_back(slab);
  }
}

/// Lists the blocks that workers have made since the last time.
void Registry::Impl::adopt_named() {
  for (auto& n : named)
    n.take_new([&](std::string prefix, BlockHandle handle) {
      Block& b = blocks.emplace_back();
      b.type = &n.type();
      b.prefix = std::move(prefix);
      b.references = 1;
      b.slab = handle.id;
    });
}

void Registry::Impl::destroy_slab(const BlockType& type, std::uint64_t* slab) noexcept {
  for (std::size_t i = 0; i < type.stats.size(); ++i) {
    if (type.stats[i].kind == Kind::histogram) delete load_pointer<HistogramCells>(slab, i);
  }
  for (std::size_t f = 0; f < type.families.size(); ++f) {
    delete load_pointer<CodeCells>(slab, type.stats.size() + f);
  }
  delete[] slab;
}

Registry::Registry() : impl_(std::make_unique<Impl>()) {
  impl_->cells.push_back(std::unique_ptr<Cells>(new Cells(this)));
  main_ = impl_->cells.front().get();
  impl_->blocks.emplace_back();
  impl_->readouts.emplace_back();
  impl_->single_counter = define_block(kSingleCounter);
  impl_->single_gauge = define_block(kSingleGauge);
  impl_->names_overflow = {instantiate(define_block(kOverflow), "stats.").id};
  for (std::size_t i = 0; i < impl_->single_histogram.size(); ++i) {
    impl_->single_histogram[i] = define_block(std::span(kSingleHistograms).subspan(i, 1));
  }
}

NamedBlocks& Registry::named_blocks(const BlockType* type, std::string_view prefix) {
  for (auto& n : impl_->named)
    if (&n.type() == type && n.prefix() == prefix) return n;
  return impl_->named.emplace_back(*type, std::string(prefix), impl_->next_named_id, Impl::kFirstNamedId, impl_->names_overflow);
}

Registry::~Registry() {
  impl_->adopt_named();
  for (std::uint32_t id = 1; id < impl_->blocks.size(); ++id) {
    const Block* b = impl_->block(id);
    if (b == nullptr) continue;
    for (const auto& cells : impl_->cells) {
      if (std::uint64_t* slab = cells->take(b->slab)) impl_->destroy_slab(*b->type, slab);
    }
  }
}

Cells& Registry::new_cells() {
  impl_->cells.push_back(std::unique_ptr<Cells>(new Cells(nullptr)));
  return *impl_->cells.back();
}

Counter Registry::counter(std::string_view name) { return {instantiate(impl_->single_counter, name).id}; }

Gauge Registry::gauge(std::string_view name) { return {instantiate(impl_->single_gauge, name).id}; }

Histogram Registry::histogram(std::string_view name, Unit unit) {
  return {instantiate(impl_->single_histogram[static_cast<std::size_t>(unit)], name).id};
}

TextReadout Registry::text_readout(std::string_view name) {
  std::uint32_t index = 0;
  if (const auto known = impl_->readouts_by_name.find(name); known != impl_->readouts_by_name.end()) {
    index = known->second;
  } else if (!impl_->free_readouts.empty()) {
    index = impl_->free_readouts.back();
    impl_->free_readouts.pop_back();
  } else {
    index = static_cast<std::uint32_t>(impl_->readouts.size());
    impl_->readouts.emplace_back();
  }
  ReadoutCell& cell = impl_->readouts[index];
  if (cell.references++ == 0) {
    cell.name = name;
    impl_->readouts_by_name.emplace(cell.name, index);
  }
  if (recording_ != nullptr) recording_->readouts.push_back({index});
  return {index};
}

void Registry::release(TextReadout t) {
  if (t.index == 0 || t.index >= impl_->readouts.size()) return;
  ReadoutCell& cell = impl_->readouts[t.index];
  if (cell.references == 0 || --cell.references > 0) return;
  impl_->readouts_by_name.erase(cell.name);
  cell = {};
  impl_->free_readouts.push_back(t.index);
}

const BlockType* Registry::define_block(std::span<const StatDef> stats, std::span<const std::string_view> families) {
  const BlockType*& known = impl_->types_by_list[{stats.data(), stats.size()}];
  if (known != nullptr) return known;
  BlockType& type = impl_->types.emplace_back();
  type.stats.assign(stats.begin(), stats.end());
  type.families.assign(families.begin(), families.end());
  type.order.resize(stats.size());
  std::iota(type.order.begin(), type.order.end(), std::uint16_t{0});
  std::sort(type.order.begin(), type.order.end(),
            [&](std::uint16_t a, std::uint16_t b) { return type.stats[a].suffix < type.stats[b].suffix; });
  known = &type;
  return known;
}

BlockHandle Registry::instantiate(const BlockType* type, std::string_view prefix) {
  const auto handle = [this, type](std::uint32_t id) {
    const BlockHandle h{id, static_cast<std::uint16_t>(type->stats.size()), static_cast<std::uint16_t>(type->families.size())};
    if (recording_ != nullptr) recording_->blocks.push_back(h);
    return h;
  };
  const auto found = impl_->by_name.find({type, prefix});
  if (found != impl_->by_name.end()) {
    ++impl_->blocks[found->second].references;
    return handle(found->second);
  }
  std::uint32_t id = 0;
  if (!impl_->free.empty()) {
    id = impl_->free.back();
    impl_->free.pop_back();
  } else {
    if (impl_->blocks.size() >= Impl::kFirstNamedId) return {};
    id = static_cast<std::uint32_t>(impl_->blocks.size());
    impl_->blocks.emplace_back();
  }
  Block& b = impl_->blocks[id];
  b.type = type;
  b.prefix = prefix;
  b.references = 1;
  b.slab = id;
  impl_->by_name.emplace(Impl::Key{type, b.prefix}, id);
  return handle(id);
}

void Registry::release(BlockHandle block) {
  Block* b = impl_->block(block.id);
  if (b == nullptr || --b->references > 0) return;
  for (const auto& cells : impl_->cells) {
    if (std::uint64_t* slab = cells->take(block.id)) impl_->destroy_slab(*b->type, slab);
  }
  impl_->by_name.erase({b->type, b->prefix});
  *b = Block{};
  impl_->free.push_back(block.id);
}

void Registry::give_back(Holdings all) {
  if (all.blocks.empty() && all.readouts.empty()) return;
  auto release_all = [this, all = std::move(all)] {
    for (const auto b : all.blocks) release(b);
    for (const auto t : all.readouts) release(t);
  };
  if (post_to_main_)
    post_to_main_(std::move(release_all));
  else
    release_all();
}

std::string_view Registry::prefix(BlockHandle b) const noexcept {
  const Block* block = impl_->block(b.id);
  return block == nullptr ? std::string_view() : std::string_view(block->prefix);
}

void Registry::set(Gauge g, std::uint64_t value) { set_at({g.index, 1, 0}, 0, value); }

void Registry::set(TextReadout t, std::string_view value) {
  if (t.index == 0 || t.index >= impl_->readouts.size()) return;
  impl_->readouts[t.index].value = value;
  impl_->readouts[t.index].used = true;
}

void Registry::set_at(BlockHandle b, std::size_t stat, std::uint64_t value) {
  if (Block* block = impl_->block(b.id)) {
    block->part().cell(static_cast<std::uint16_t>(stat)) = value;
  }
}

std::uint64_t Registry::value_at(BlockHandle b, std::size_t stat) const {
  const Block* block = impl_->block(b.id);
  if (block == nullptr) return 0;
  std::vector<std::uint64_t*> slabs;
  impl_->slabs(b.id, slabs);
  return read_cell(*block, stat, slabs).value;
}

void Registry::merge_histograms() {
  impl_->adopt_named();
  std::vector<std::uint64_t*> slabs;
  std::vector<std::uint64_t> bins;
  for (std::uint32_t id = 1; id < impl_->blocks.size(); ++id) {
    Block* b = impl_->block(id);
    if (b == nullptr) continue;
    impl_->slabs(id, slabs);
    if (slabs.empty() && (!b->main || b->main->histograms.empty())) continue;
    for (std::size_t i = 0; i < b->type->stats.size(); ++i) {
      if (b->type->stats[i].kind != Kind::histogram) continue;
      bins.assign(kBins, 0);
      MainHistogram* h = b->main ? b->main->histogram(i) : nullptr;
      bool any = h != nullptr;
      if (h != nullptr && h->cells) h->cells->collect(bins);
      for (std::uint64_t* slab : slabs) {
        const auto* cells = load_pointer<HistogramCells>(slab, i);
        if (cells == nullptr) continue;
        any = true;
        cells->collect(bins);
      }
      if (any) b->part().make_histogram(i).merged.merge(bins);
    }
  }
}

void Registry::reset_counters() {
  impl_->adopt_named();
  std::vector<std::uint64_t*> slabs;
  std::vector<std::uint64_t> codes;
  for (std::uint32_t id = 1; id < impl_->blocks.size(); ++id) {
    Block* b = impl_->block(id);
    if (b == nullptr) continue;
    impl_->slabs(id, slabs);
    if (slabs.empty() && !b->main) continue;
    const auto count = static_cast<std::uint32_t>(b->type->stats.size());
    for (std::uint32_t i = 0; i < count; ++i) {
      if (b->type->stats[i].kind != Kind::counter) continue;
      const Reading r = read_cell(*b, i, slabs);
      if (r.value != 0) b->part().reset[i] += r.value;
    }
    for (std::uint32_t f = 0; f < b->type->families.size(); ++f) {
      codes.assign(CodeCells::kCodes, 0);
      if (b->main && f < b->main->codes.size() && b->main->codes[f]) {
        b->main->codes[f]->collect(codes);
      }
      for (std::uint64_t* slab : slabs) {
        const auto* cells = load_pointer<CodeCells>(slab, count + f);
        if (cells != nullptr) cells->collect(codes);
      }
      for (std::uint32_t c = 0; c < codes.size(); ++c) {
        if (codes[c] != 0) b->part().reset[count + f * 1000 + c + 100] = codes[c];
      }
    }
  }
}

}  // namespace outrigger::stats
