// A merged histogram as it is printed: scaled by its unit, with its configured buckets.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/stats/settings.h"
#include "proxy/stats/stats.h"

namespace outrigger::stats {

class HistogramView {
 public:
  struct Bin {
    double left, width;
    std::uint64_t count;
  };

  HistogramView(const StatView& stat, std::string_view name, const StatsSettings& settings);

  bool used() const noexcept { return merged_ != nullptr; }
  std::span<const double> bounds() const noexcept { return bounds_; }
  std::vector<double> quantiles(bool interval) const;
  /// How many values are at most each bound; with `disjoint`, and above the one before.
  std::vector<std::uint64_t> buckets(bool interval, bool disjoint) const;
  std::vector<Bin> bins(bool interval) const;
  std::uint64_t count(bool interval) const noexcept;
  double sum(bool interval) const noexcept;

 private:
  const BinCounts& counts(bool interval) const noexcept;

  const MergedHistogram* merged_;
  std::span<const double> bounds_;
  double scale_;
};

}  // namespace outrigger::stats
