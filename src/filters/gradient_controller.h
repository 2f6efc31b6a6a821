// How many requests may be under way at a time, as the time that answers take tells: it is compared with the shortest, which is
// measured now and then while only few may be. Envoy: GradientController.
//
// All workers share one, without a lock: what requests touch are atomics, and what has to be done at some time is done by the
// first request that comes or goes after it, whichever worker has it; another that wants to do it at the same moment leaves it.
// So the gauges of a filter without requests stay as they are.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <vector>
#include "proxy/base/random.h"
#include "proxy/base/time.h"
#include "proxy/runtime/runtime.h"
#include "proxy/stats/cells.h"
#include "proxy/stats/histogram.h"
#include "proxy/stats/names.h"

namespace outrigger::filters {

/// Below "http.<prefix>.adaptive_concurrency.gradient_controller.".
enum class GradientStat : std::uint16_t {
  burst_queue_size,
  concurrency_limit,
  gradient,
  min_rtt_calculation_active,
  min_rtt_msecs,
  rq_blocked,
  sample_rtt_msecs
};

inline stats::BlockDef block_def(GradientStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {{Kind::gauge, "burst_queue_size"}, {Kind::gauge, "concurrency_limit"},
                                              {Kind::gauge, "gradient"},         {Kind::gauge, "min_rtt_calculation_active"},
                                              {Kind::gauge, "min_rtt_msecs"},    {Kind::counter, "rq_blocked"},
                                              {Kind::gauge, "sample_rtt_msecs"}};
  return {kStats, {}};
}

struct GradientConfig {
  // Percentages; times in milliseconds. Each has a key of the runtime.
  double percentile = 50, jitter = 15, buffer = 25;
  std::uint64_t update_interval = 0, min_rtt_interval = 0;
  std::uint32_t limit_max = 1000, limit_min = 3, min_rtt_requests = 50;
  Duration fixed_min_rtt{};  // 0: it is measured
  stats::BlockHandle stats;
};

class GradientController {
 public:
  /// What a call needs of the worker that makes it.
  struct Now {
    TimePoint time;
    const runtime::Snapshot& runtime;
    Random& random;
    stats::Cells& cells;
  };
  explicit GradientController(const GradientConfig& config);
  /// False: there are enough under way. True: done() or cancel() follows.
  bool begin(const Now& now);
  void done(TimePoint begun, const Now& now);
  void cancel() noexcept { under_way_.fetch_sub(1, std::memory_order_relaxed); }

  std::uint32_t limit() const noexcept { return limit_.load(std::memory_order_relaxed); }
  /// The gauge's value when nothing has happened yet.
  std::uint64_t initial(GradientStat gauge) const noexcept { return shown_[static_cast<std::size_t>(gauge)]; }

 private:
  class Claim;
  static constexpr TimePoint kNever = TimePoint::max();
  bool measuring() const noexcept { return limit_after_.load(std::memory_order_relaxed) != 0; }
  void look_at_clock(const Now& now);
  void run_timers(const Now& now);
  void begin_measuring(const Now& now);
  void end_measuring(const Now& now);
  void end_sample(const Now& now);
  void set_limit(std::uint32_t limit, const Now& now);
  std::uint32_t next_limit(const Now& now);
  Duration take_samples(const Now& now);
  void forget_samples() noexcept;
  void show(GradientStat gauge, std::uint64_t value, stats::Cells& cells) noexcept;

  const GradientConfig config_;
  std::atomic<std::uint32_t> under_way_{0}, limit_;
  std::atomic<std::uint32_t> limit_after_{0};  // what is being measured is over; 0: nothing is
  std::atomic<Duration::rep> not_before_{0};   // requests that began earlier are no samples
  std::atomic<Duration::rep> next_{0};         // the earlier of the times below
  std::atomic<std::uint32_t> samples_{0};
  std::array<std::atomic<std::uint32_t>, stats::kBins> bins_{};  // of microseconds
  std::atomic<bool> claimed_{false};

  // Of whoever has the claim.
  bool started_ = false;
  TimePoint sample_at_ = kNever, measure_at_ = kNever;
  Duration min_rtt_{}, sample_rtt_{};
  std::uint32_t times_at_min_ = 0;  // the limit stayed there, in a row
  std::vector<std::uint64_t> taken_ = std::vector<std::uint64_t>(stats::kBins);
  stats::BinCounts counts_;
  std::array<std::uint64_t, 7> shown_{};  // by GradientStat
};

}  // namespace outrigger::filters
