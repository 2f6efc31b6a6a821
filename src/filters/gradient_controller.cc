#include "filters/gradient_controller.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace outrigger::filters {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::uint32_t kTimesAtMin = 5;  // then the shortest time is measured anew: it may be wrong

// Of the runtime.
constexpr std::string_view kLimitMin = "adaptive_concurrency.gradient_controller.min_concurrency";
constexpr std::string_view kLimitMax = "adaptive_concurrency.gradient_controller.max_concurrency_limit";
constexpr std::string_view kUpdateInterval = "adaptive_concurrency.gradient_controller.sample_rtt_calc_interval_ms";
constexpr std::string_view kMinRttInterval = "adaptive_concurrency.gradient_controller.min_rtt_calc_interval_ms";
constexpr std::string_view kJitter = "adaptive_concurrency.gradient_controller.jitter";
constexpr std::string_view kMinRttRequests = "adaptive_concurrency.gradient_controller.min_rtt_aggregate_request_count";
constexpr std::string_view kBuffer = "adaptive_concurrency.gradient_controller.min_rtt_buffer";
constexpr std::string_view kPercentile = "adaptive_concurrency.gradient_controller.sample_aggregate_percentile";

/// A fraction.
double percent(const runtime::Snapshot& s, std::string_view key, double fallback) noexcept {
  return std::clamp(s.number(key, fallback), 0.0, 100.0) / 100;
}
std::uint32_t count(const runtime::Snapshot& s, std::string_view key, std::uint32_t fallback) noexcept {
  return static_cast<std::uint32_t>(s.integer(key, fallback));
}
std::uint32_t limit_min(const runtime::Snapshot& s, const GradientConfig& c) noexcept { return count(s, kLimitMin, c.limit_min); }
std::uint32_t limit_max(const runtime::Snapshot& s, const GradientConfig& c) noexcept { return count(s, kLimitMax, c.limit_max); }
Duration update_interval(const runtime::Snapshot& s, const GradientConfig& c) noexcept {
  const auto ms = s.integer(kUpdateInterval, c.update_interval);
  return milliseconds_of(std::max<std::uint64_t>(ms, 1));
}
Duration measure_interval(const runtime::Snapshot& s, const GradientConfig& c, Random& random) noexcept {
  const auto interval = milliseconds_of(s.integer(kMinRttInterval, c.min_rtt_interval));
  const double jitter = percent(s, kJitter, c.jitter);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(interval).count();
  const auto most = static_cast<std::uint64_t>(std::ceil(static_cast<double>(ms) * jitter));
  return interval + std::chrono::milliseconds(random.below(most));
}
std::uint32_t requests_to_measure(const runtime::Snapshot& s, const GradientConfig& c) noexcept {
  return count(s, kMinRttRequests, c.min_rtt_requests);
}

std::uint64_t whole_ms(Duration d) noexcept {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

}  // namespace

/// Nobody waits for it.
class GradientController::Claim {
 public:
  explicit Claim(GradientController& of) noexcept : of_(of), have_(!of.claimed_.exchange(true, std::memory_order_acquire)) {}
  ~Claim() {
    if (!have_) return;
    of_.next_.store(std::min(of_.sample_at_, of_.measure_at_).time_since_epoch().count(), kRelaxed);
    of_.claimed_.store(false, std::memory_order_release);
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  explicit operator bool() const noexcept { return have_; }

 private:
  GradientController& of_;
  const bool have_;
};

GradientController::GradientController(const GradientConfig& config)
    : config_(config), limit_(config.limit_min), min_rtt_(config.fixed_min_rtt) {
  const bool measured = config.fixed_min_rtt == Duration::zero();
  if (measured) limit_after_.store(config.limit_min, kRelaxed);
  shown_[static_cast<std::size_t>(GradientStat::concurrency_limit)] = config.limit_min;
  shown_[static_cast<std::size_t>(GradientStat::min_rtt_calculation_active)] = measured ? 1 : 0;
  shown_[static_cast<std::size_t>(GradientStat::min_rtt_msecs)] = whole_ms(config.fixed_min_rtt);
}

bool GradientController::begin(const Now& now) {
  look_at_clock(now);
  auto n = under_way_.load(kRelaxed);
  while (n < limit_.load(kRelaxed))
    if (under_way_.compare_exchange_weak(n, n + 1, kRelaxed)) return true;
  now.cells.add(config_.stats, GradientStat::rq_blocked);
  return false;
}

void GradientController::done(TimePoint begun, const Now& now) {
  cancel();
  look_at_clock(now);
  if (begun.time_since_epoch().count() < not_before_.load(kRelaxed)) return;
  const auto took = static_cast<std::uint64_t>(std::max<Duration::rep>((now.time - begun).count(), 0));
  bins_[stats::bin_of(took)].fetch_add(1, kRelaxed);
  const auto samples = samples_.fetch_add(1, kRelaxed) + 1;
  if (!measuring() || samples < requests_to_measure(now.runtime, config_)) return;
  const Claim claim(*this);
  if (claim && measuring() && samples_.load(kRelaxed) >= requests_to_measure(now.runtime, config_)) end_measuring(now);
}

void GradientController::look_at_clock(const Now& now) {
  if (now.time.time_since_epoch().count() < next_.load(kRelaxed)) return;
  if (const Claim claim(*this); claim) run_timers(now);
}

void GradientController::run_timers(const Now& now) {
  if (!std::exchange(started_, true)) {
    const auto least = limit_min(now.runtime, config_);
    if (measuring()) limit_after_.store(least, kRelaxed);
    if (limit_.load(kRelaxed) != least) set_limit(least, now);
    sample_at_ = measuring() ? kNever : now.time + update_interval(now.runtime, config_);
    return;
  }
  if (measuring()) return;
  if (sample_at_ <= now.time && sample_at_ <= measure_at_) {
    end_sample(now);
    const auto interval = update_interval(now.runtime, config_);
    sample_at_ += interval * ((now.time - sample_at_) / interval + 1);
  }
  if (measure_at_ <= now.time) begin_measuring(now);
}

/// As of the time that had come for it.
void GradientController::begin_measuring(const Now& now) {
  show(GradientStat::min_rtt_calculation_active, 1, now.cells);
  limit_after_.store(limit_.load(kRelaxed), kRelaxed);
  set_limit(limit_min(now.runtime, config_), now);
  forget_samples();
  not_before_.store(measure_at_.time_since_epoch().count(), kRelaxed);
  sample_at_ = measure_at_ = kNever;
}

void GradientController::end_measuring(const Now& now) {
  min_rtt_ = take_samples(now);
  show(GradientStat::min_rtt_msecs, whole_ms(min_rtt_), now.cells);
  set_limit(limit_after_.load(kRelaxed), now);
  limit_after_.store(0, kRelaxed);
  show(GradientStat::min_rtt_calculation_active, 0, now.cells);
  measure_at_ = now.time + measure_interval(now.runtime, config_, now.random);
  sample_at_ = now.time + update_interval(now.runtime, config_);
}

void GradientController::end_sample(const Now& now) {
  if (samples_.load(kRelaxed) == 0) return;
  sample_rtt_ = take_samples(now);
  show(GradientStat::sample_rtt_msecs, whole_ms(sample_rtt_), now.cells);
  set_limit(next_limit(now), now);
}

void GradientController::set_limit(std::uint32_t limit, const Now& now) {
  const auto old = limit_.exchange(limit, kRelaxed);
  show(GradientStat::concurrency_limit, limit, now.cells);
  const auto least = limit_min(now.runtime, config_);
  times_at_min_ = !measuring() && old == least && limit == least ? times_at_min_ + 1 : 0;
  if (times_at_min_ >= kTimesAtMin && config_.fixed_min_rtt == Duration::zero()) measure_at_ = now.time;
}

std::uint32_t GradientController::next_limit(const Now& now) {
  const double shortest = static_cast<double>(min_rtt_.count());
  const double buffered = shortest + shortest * percent(now.runtime, kBuffer, config_.buffer);
  const double gradient = std::max(0.5, std::min(2.0, buffered / static_cast<double>(sample_rtt_.count())));
  show(GradientStat::gradient, static_cast<std::uint64_t>(1000 * gradient), now.cells);
  const double limit = limit_.load(kRelaxed) * gradient, headroom = std::sqrt(limit);
  show(GradientStat::burst_queue_size, static_cast<std::uint64_t>(headroom), now.cells);
  const auto most = limit_max(now.runtime, config_);
  const double next = std::min<double>(limit + headroom, most);
  return std::max(limit_min(now.runtime, config_), static_cast<std::uint32_t>(next));
}

/// Those that come meanwhile are taken, too, or left for the next time.
Duration GradientController::take_samples(const Now& now) {
  samples_.store(0, kRelaxed);
  for (std::size_t i = 0; i < stats::kBins; ++i) taken_[i] = bins_[i].exchange(0, kRelaxed);
  counts_.assign(taken_);
  if (counts_.empty()) return Duration::zero();
  const double q = percent(now.runtime, kPercentile, config_.percentile);
  return Duration(static_cast<Duration::rep>(counts_.quantiles({&q, 1}).front()));
}

void GradientController::forget_samples() noexcept {
  samples_.store(0, kRelaxed);
  for (auto& bin : bins_) bin.store(0, kRelaxed);
}

void GradientController::show(GradientStat gauge, std::uint64_t value, stats::Cells& cells) noexcept {
  auto& shown = shown_[static_cast<std::size_t>(gauge)];
  cells.gauge_add(config_.stats, gauge, static_cast<std::int64_t>(value) - static_cast<std::int64_t>(shown));
  shown = value;
}

}  // namespace outrigger::filters
