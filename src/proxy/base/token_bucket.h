// A token bucket that all threads draw from, without a lock: it holds nothing but the moment at which it was
// empty. Tokens come in steadily, fractions included.
#pragma once
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include "proxy/base/time.h"

namespace outrigger {

class TokenBucket {
 public:
  /// Full at first. `per_fill` tokens come in each `interval`.
  TokenBucket(double tokens_max, double per_fill, Duration interval) noexcept
      : max_(tokens_max), rate_(per_fill / static_cast<double>(interval.count())) {}
  /// False: there are not so many in it.
  bool take(TimePoint now, double n = 1) noexcept {
    return move(now, [n](double tokens) { return tokens + kRounding < n ? 0 : n; }) != 0;
  }
  /// No more than fit.
  void put(TimePoint now, double n) noexcept {
    move(now, [n, this](double tokens) { return -std::min(n, max_ - tokens); });
  }
  double left(TimePoint now) const noexcept {
    return std::max(tokens(now, empty_at_.load(std::memory_order_relaxed)) + kRounding, 0.0);
  }
  /// Until there is one; 0: there is.
  Duration wait(TimePoint now) const noexcept {
    const double have = left(now);
    const double more = std::round(std::min((1 + kRounding - have) / rate_, 9e18));
    return Duration(have >= 1 ? 0 : static_cast<Duration::rep>(more));
  }
  /// As at first. No other thread draws from it.
  void refill() noexcept { empty_at_.store(kLongAgo, std::memory_order_relaxed); }

 private:
  static constexpr double kLongAgo = -std::numeric_limits<double>::infinity();
  static constexpr double kRounding = 1e-6;  // of a token: what arithmetic with moments may lose
  double tokens(TimePoint now, double empty_at) const noexcept {
    return std::min(max_, (static_cast<double>(now.time_since_epoch().count()) - empty_at) * rate_);
  }
  /// Takes what f makes of what is there; returns that.
  template <class F>
  double move(TimePoint now, F&& f) noexcept {
    const double t = static_cast<double>(now.time_since_epoch().count());
    double empty_at = empty_at_.load(std::memory_order_relaxed);
    for (;;) {
      const double have = tokens(now, empty_at), n = f(have);
      if (n == 0) return 0;
      if (empty_at_.compare_exchange_weak(empty_at, t - (have - n) / rate_, std::memory_order_relaxed)) return n;
    }
  }

  const double max_, rate_;                 // rate: per microsecond
  std::atomic<double> empty_at_{kLongAgo};  // microseconds; before the clock began, too: it may be younger than an interval
};

}  // namespace outrigger
