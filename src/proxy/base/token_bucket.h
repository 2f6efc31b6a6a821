// A token bucket that all threads draw from, without a lock: it holds nothing but the moment at which it was
// empty. Tokens come in steadily, fractions included.
#pragma once
#include <algorithm>
#include <atomic>
#include <limits>
#include "proxy/base/time.h"

namespace outrigger {

class TokenBucket {
 public:
  /// Full at first. `per_fill` tokens come in each `interval`.
  TokenBucket(double tokens_max, double per_fill, Duration interval) noexcept
      : max_(tokens_max), rate_(per_fill / static_cast<double>(interval.count())) {}
  /// False: it is empty.
  bool take(TimePoint now) noexcept {
    const double t = static_cast<double>(now.time_since_epoch().count());
    double empty_at = empty_at_.load(std::memory_order_relaxed);
    for (;;) {
      const double tokens = std::min(max_, (t - empty_at) * rate_);
      if (tokens < 1) return false;
      if (empty_at_.compare_exchange_weak(empty_at, t - (tokens - 1) / rate_, std::memory_order_relaxed)) return true;
    }
  }

 private:
  static constexpr double kLongAgo = -std::numeric_limits<double>::infinity();
  const double max_, rate_;                 // rate: per microsecond
  std::atomic<double> empty_at_{kLongAgo};  // microseconds; before the clock began, too: it may be younger than an interval
};

}  // namespace outrigger
