// Time in a test's hands: stands still until it is told to go on.
#pragma once
#include "proxy/base/time.h"

namespace outrigger::sim {

class Clock final : public TimeSource {
 public:
  TimePoint now() const noexcept override { return now_; }
  WallTime wall() const noexcept override {
    return WallTime(std::chrono::seconds(1700000000)) + std::chrono::duration_cast<WallTime::duration>(now_ - kStart);
  }
  void go_to(TimePoint t) noexcept { now_ = t; }
  Duration since_start() const noexcept { return now_ - kStart; }

 private:
  static constexpr TimePoint kStart{Duration(1'000'000'000)};
  TimePoint now_ = kStart;
};

}  // namespace outrigger::sim
