// Bytes that may pass: so many a second, and what is not used is kept for one second. Shared by threads, without locks.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include "proxy/base/time.h"

namespace outrigger::filters {

class ByteBucket {
 public:
  /// Full at first. 0: never lets anything pass.
  explicit ByteBucket(std::uint64_t bytes_per_second) noexcept : rate_(std::min(bytes_per_second, kRateMax)) {}

  /// How many of `wanted` bytes may pass now: they are taken.
  std::uint64_t take(std::uint64_t wanted, TimePoint now) noexcept {
    if (rate_ == 0 || wanted == 0) return 0;
    const std::int64_t now_ns = now.time_since_epoch().count() * kNsPerTick;
    auto empty_at = empty_at_.load(std::memory_order_relaxed);
    for (;;) {
      // A thread may be behind another by a turn of its loop. Further ahead than that is another time: it began anew.
      const auto since = empty_at > now_ns + kAheadMax ? now_ns - kSecond : std::max(empty_at, now_ns - kSecond);
      const auto have = static_cast<std::uint64_t>(std::max<Wide>(now_ns - since, 0) * rate_ / kSecond);
      const auto taken = std::min(wanted, have);
      if (taken == 0) return 0;
      const auto then = since + static_cast<std::int64_t>((static_cast<Wide>(taken) * kSecond + rate_ - 1) / rate_);
      if (empty_at_.compare_exchange_weak(empty_at, then, std::memory_order_relaxed)) return taken;
    }
  }

 private:
  using Wide = __int128;
  static constexpr std::int64_t kSecond = 1'000'000'000;
  static constexpr std::int64_t kAheadMax = kSecond / 2;
  static constexpr std::int64_t kNsPerTick = kSecond / (Duration::period::den / Duration::period::num);
  static constexpr std::uint64_t kRateMax = std::uint64_t{1} << 50;
  const std::uint64_t rate_;
  /// When the bucket was empty, had it filled without a bound since.
  std::atomic<std::int64_t> empty_at_{INT64_MIN};
};

}  // namespace outrigger::filters
