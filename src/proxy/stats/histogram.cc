#include "proxy/stats/histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

namespace outrigger::stats {
namespace {

constexpr std::size_t kFirst = 10;  // bins of the values 0..9
constexpr std::size_t kPerDecade = 90;

constexpr std::array<std::uint64_t, 20> powers_of_ten() {
  std::array<std::uint64_t, 20> out{};
  std::uint64_t p = 1;
  for (auto& v : out) {
    v = p;
    p *= 10;
  }
  return out;
}
constexpr auto kPower = powers_of_ten();

// floor(log10(v)) for v > 0.
unsigned decade_of(std::uint64_t v) noexcept {
  const unsigned bits = 64 - static_cast<unsigned>(__builtin_clzll(v));
  const unsigned guess = bits * 1233 >> 12;
  return guess - (v < kPower[guess] ? 1 : 0);
}

struct Place {
  unsigned decade;
  unsigned offset;
};

Place place_of(std::uint64_t v) noexcept {
  if (v < kFirst) return {0, static_cast<unsigned>(v)};
  if (v < 100) return {1, static_cast<unsigned>(v - 10)};
  const unsigned d = decade_of(v);
  return {d, static_cast<unsigned>(v / kPower[d - 1] - 10)};
}

constexpr std::size_t decade_begin(std::size_t decade) { return decade == 0 ? 0 : kFirst + (decade - 1) * kPerDecade; }
constexpr std::size_t decade_size(std::size_t decade) { return decade == 0 ? kFirst : kPerDecade; }

// Where a bin's mean is assumed: nearer to its lower end, as Envoy's sums assume it.
double weighted_middle(BinRange r) noexcept {
  if (r.width == 0) return r.left;
  return r.left + r.width * (r.left / (r.left + r.left + r.width));
}

}  // namespace

std::size_t bin_of(std::uint64_t value) noexcept {
  const Place p = place_of(value);
  return decade_begin(p.decade) + p.offset;
}

BinRange bin_range(std::size_t bin) noexcept {
  if (bin == 0) return {0, 0};
  if (bin < kFirst) return {static_cast<double>(bin), 0.1};
  const std::size_t decade = 1 + (bin - kFirst) / kPerDecade;
  const std::size_t digits = 10 + (bin - kFirst) % kPerDecade;
  // Envoy's arithmetic, to its last digit: 110 becomes 110.00000000000001.
  return {static_cast<double>(digits) / 10.0 * static_cast<double>(kPower[decade]), static_cast<double>(kPower[decade - 1])};
}

HistogramCells::~HistogramCells() {
  for (auto& d : decades_) delete[] d.load(std::memory_order_relaxed);
}

void HistogramCells::record(std::uint64_t value) noexcept {
  const Place p = place_of(value);
  std::uint64_t* cells = decades_[p.decade].load(std::memory_order_relaxed);
  if (cells == nullptr) [[unlikely]] {
    cells = new (std::nothrow) std::uint64_t[decade_size(p.decade)]();
    if (cells == nullptr) return;
    decades_[p.decade].store(cells, std::memory_order_release);
  }
  std::atomic_ref<std::uint64_t> ref(cells[p.offset]);
  ref.store(ref.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void HistogramCells::collect(std::span<std::uint64_t> bins) const noexcept {
  for (std::size_t d = 0; d < kDecades; ++d) {
    std::uint64_t* cells = decades_[d].load(std::memory_order_acquire);
    if (cells == nullptr) continue;
    for (std::size_t i = 0; i < decade_size(d); ++i) {
      bins[decade_begin(d) + i] += std::atomic_ref<std::uint64_t>(cells[i]).load(std::memory_order_relaxed);
    }
  }
}

void BinCounts::assign(std::span<const std::uint64_t> bins) {
  entries_.clear();
  count_ = 0;
  const auto used = bins.size() - static_cast<std::size_t>(std::count(bins.begin(), bins.end(), 0U));
  if (entries_.capacity() < used) entries_.reserve(2 * used);  // at once, and for values to come
  for (std::size_t i = 0; i < bins.size(); ++i) {
    if (bins[i] == 0) continue;
    entries_.push_back({static_cast<std::uint16_t>(i), bins[i]});
    count_ += bins[i];
  }
}

double BinCounts::sum() const noexcept {
  double sum = 0;
  for (const Entry& e : entries_) {
    sum += static_cast<double>(e.count) * weighted_middle(bin_range(e.bin));
  }
  return sum;
}

std::vector<double> BinCounts::quantiles(std::span<const double> quantiles) const {
  std::vector<double> out;
  out.reserve(quantiles.size());
  std::size_t at = 0;
  std::uint64_t before = 0;  // values in the bins left of `at`
  for (const double q : quantiles) {
    if (entries_.empty()) {
      out.push_back(std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    // The quantile is the rank-th value; the n values of a bin are taken as evenly spread
    // inside it, none on its edges.
    const double rank = std::max(1.0, std::ceil(q * static_cast<double>(count_)));
    while (at + 1 < entries_.size() && static_cast<double>(before + entries_[at].count) < rank) {
      before += entries_[at].count;
      ++at;
    }
    const BinRange r = bin_range(entries_[at].bin);
    const double n = static_cast<double>(entries_[at].count);
    out.push_back(r.left + r.width * ((rank - static_cast<double>(before)) / (n + 1)));
  }
  return out;
}

std::vector<std::uint64_t> BinCounts::below(std::span<const double> bounds) const {
  std::vector<std::uint64_t> out;
  out.reserve(bounds.size());
  std::size_t at = 0;
  std::uint64_t total = 0;
  for (const double bound : bounds) {
    while (at < entries_.size() && bin_range(entries_[at].bin).left <= bound) {
      total += entries_[at++].count;
    }
    out.push_back(total);
  }
  return out;
}

void MergedHistogram::merge(std::span<const std::uint64_t> bins) {
  thread_local std::vector<std::uint64_t> delta;  // keeps its memory: a flush has many of them
  delta.assign(bins.begin(), bins.end());
  for (const auto& e : cumulative.entries()) delta[e.bin] -= e.count;
  interval.assign(delta);
  cumulative.assign(bins);
}

std::span<const double> default_quantiles() noexcept {
  static constexpr std::array kQuantiles{0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1.0};
  return kQuantiles;
}

std::span<const double> default_buckets() noexcept {
  static constexpr std::array kBuckets{0.5,    1.0,    5.0,     10.0,    25.0,    50.0,  100.0, 250.0, 500.0, 1000.0,
                                       2500.0, 5000.0, 10000.0, 30000.0, 60000.0, 3.0e5, 6.0e5, 1.8e6, 3.6e6};
  return kBuckets;
}

}  // namespace outrigger::stats
