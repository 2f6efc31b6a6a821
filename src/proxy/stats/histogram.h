// Histograms: log-linear bins that keep two significant decimal digits, as Envoy's do.
// HistogramCells is one thread's, written by that thread only and read by main at any time;
// MergedHistogram is main's sum of them.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "proxy/stats/types.h"

namespace outrigger::stats {

/// A bin's number. Bins are ordered as their values are.
/// 0..9 hold these integers; then each decade has 90 bins.
inline constexpr std::size_t kBins = 10 + 19 * 90;
std::size_t bin_of(std::uint64_t value) noexcept;

struct BinRange {
  double left = 0;
  double width = 0;
};
BinRange bin_range(std::size_t bin) noexcept;

class HistogramCells {
 public:
  HistogramCells() = default;
  ~HistogramCells();
  HistogramCells(const HistogramCells&) = delete;
  HistogramCells& operator=(const HistogramCells&) = delete;

  /// Allocates at the first value of a decade only; drops the value when out of memory.
  void record(std::uint64_t value) noexcept;
  /// Adds the counts to `bins` (kBins long). Any thread.
  void collect(std::span<std::uint64_t> bins) const noexcept;

 private:
  static constexpr std::size_t kDecades = 20;
  std::array<std::atomic<std::uint64_t*>, kDecades> decades_{};
};

/// Counts by bin, sorted, without the empty ones.
class BinCounts {
 public:
  struct Entry {
    std::uint16_t bin;
    std::uint64_t count;
  };

  bool empty() const noexcept { return entries_.empty(); }
  std::uint64_t count() const noexcept { return count_; }
  double sum() const noexcept;
  /// `quantiles` ascending, in 0..1. NaN when empty.
  std::vector<double> quantiles(std::span<const double> quantiles) const;
  /// How many values lie below each of the ascending `bounds`.
  std::vector<std::uint64_t> below(std::span<const double> bounds) const;
  const std::vector<Entry>& entries() const noexcept { return entries_; }

  void assign(std::span<const std::uint64_t> bins);

 private:
  std::vector<Entry> entries_;
  std::uint64_t count_ = 0;
};

struct MergedHistogram {
  BinCounts cumulative;
  BinCounts interval;

  /// `bins`: the sums over all threads now.
  void merge(std::span<const std::uint64_t> bins);
};

/// The quantiles Envoy prints, and the upper bounds of its buckets unless configured.
std::span<const double> default_quantiles() noexcept;
std::span<const double> default_buckets() noexcept;

}  // namespace outrigger::stats
