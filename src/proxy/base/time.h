// Loop time: microseconds on a monotonic clock, read once per loop turn. Tests own the hands.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>

namespace outrigger {

using Duration = std::chrono::microseconds;

struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};
using TimePoint = MonotonicClock::time_point;
using WallTime = std::chrono::system_clock::time_point;

/// As gauges tell a time.
inline std::uint64_t unix_ms(WallTime t) noexcept {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count());
}

/// Numbers from the network as durations, cut to a century: time can be reckoned with without overflow.
inline constexpr std::chrono::hours kCentury{24 * 365 * 100};
inline Duration milliseconds_of(std::uint64_t n) noexcept {
  return std::chrono::milliseconds(std::min<std::uint64_t>(n, std::chrono::milliseconds(kCentury).count()));
}
inline std::chrono::seconds seconds_of(std::uint64_t n) noexcept {
  return std::chrono::seconds(std::min<std::uint64_t>(n, std::chrono::seconds(kCentury).count()));
}

/// Where time comes from.
class TimeSource {
 public:
  virtual ~TimeSource() = default;
  virtual TimePoint now() const noexcept = 0;
  virtual WallTime wall() const noexcept = 0;
};

}  // namespace outrigger
