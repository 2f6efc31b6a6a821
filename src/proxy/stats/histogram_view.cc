#include "proxy/stats/histogram_view.h"

namespace outrigger::stats {
namespace {

const MergedHistogram kNothing;

}  // namespace

HistogramView::HistogramView(const StatView& stat, std::string_view name, const StatsSettings& settings)
    : merged_(stat.histogram),
      bounds_(settings.buckets_of(name)),
      scale_(stat.unit == Unit::percent ? 1.0 / static_cast<double>(kPercentScale) : 1.0) {}

const BinCounts& HistogramView::counts(bool interval) const noexcept {
  const MergedHistogram& m = merged_ != nullptr ? *merged_ : kNothing;
  return interval ? m.interval : m.cumulative;
}

std::vector<double> HistogramView::quantiles(bool interval) const {
  auto out = counts(interval).quantiles(default_quantiles());
  for (double& v : out) v *= scale_;
  return out;
}

std::vector<std::uint64_t> HistogramView::buckets(bool interval, bool disjoint) const {
  std::vector<double> bounds(bounds_.begin(), bounds_.end());
  for (double& b : bounds) b /= scale_;
  auto out = counts(interval).below(bounds);
  if (disjoint) {
    for (std::size_t i = out.size(); i > 1; --i) out[i - 1] -= out[i - 2];
  }
  return out;
}

std::vector<HistogramView::Bin> HistogramView::bins(bool interval) const {
  std::vector<Bin> out;
  for (const auto& e : counts(interval).entries()) {
    const BinRange r = bin_range(e.bin);
    out.push_back({r.left * scale_, r.width * scale_, e.count});
  }
  return out;
}

std::uint64_t HistogramView::count(bool interval) const noexcept { return counts(interval).count(); }
double HistogramView::sum(bool interval) const noexcept { return counts(interval).sum() * scale_; }

}  // namespace outrigger::stats
