// Timeouts that shrink as a resource runs out, those that already run, too: from the whole down to a minimum. One thread's.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include "proxy/event/timers.h"

namespace outrigger::event {

enum class ScaledKind : std::uint8_t { connection_idle, stream_idle, transport_connect, connection_max, stream_flush };
inline constexpr std::size_t kScaledKinds = 5;

/// How short a timeout may become: a time, or a share of the whole.
struct TimerMinimum {
  Duration time{};
  std::optional<double> share;
  Duration of(Duration whole) const noexcept;
};
/// None: that kind is never scaled.
using TimerMinimums = std::array<std::optional<TimerMinimum>, kScaledKinds>;

class ScaledTimer;

/// Owned by its thread.
class ScaledTimers {
 public:
  ScaledTimers(const TimeSource& time, const TimerMinimums& minimums) noexcept : time_(time), minimums_(minimums) {}
  /// From 1, all of what is above the minimum, to 0.
  void set_scale(ScaledKind kind, double scale) noexcept;
  bool scales(ScaledKind kind) const noexcept { return minimums_[index(kind)].has_value(); }

 private:
  friend class ScaledTimer;
  /// Of a timer that may be scaled; linked while it runs.
  struct Running : Link {
    Running(ScaledTimers& s, ScaledKind k, ScaledTimer& t) noexcept : scaling(s), timer(t), kind(k) {}
    ScaledTimers& scaling;
    ScaledTimer& timer;
    const ScaledKind kind;
    TimePoint since{};
    Duration whole{};
    /// From its beginning to its end.
    Duration length() const noexcept;
  };
  static std::size_t index(ScaledKind k) noexcept { return static_cast<std::size_t>(k); }
  const TimeSource& time_;
  TimerMinimums minimums_;
  std::array<double, kScaledKinds> scales_{1, 1, 1, 1, 1};
  std::array<List<Running>, kScaledKinds> running_;
};

/// As a Timer, which it is when nothing scales it: then it has no more in it, as every connection has some of these.
class ScaledTimer : private Timer {
 public:
  /// `scaling`: null: nothing does.
  ScaledTimer(Timers& timers, ScaledTimers* scaling, ScaledKind kind) : Timer(timers) {
    if (scaling != nullptr && scaling->scales(kind)) running_ = std::make_unique<ScaledTimers::Running>(*scaling, kind, *this);
  }
  void arm(Duration whole) noexcept {
    if (running_ == nullptr) return Timer::arm(whole);
    arm_scaled(whole);
  }
  /// Whatever is scaled.
  void arm_whole(Duration after) noexcept {
    stop_scaling();
    Timer::arm(after);
  }
  void cancel() noexcept {
    stop_scaling();
    Timer::cancel();
  }
  using Timer::armed;

 protected:
  virtual void on_scaled_timer() = 0;

 private:
  friend class ScaledTimers;
  void on_timer() final {
    stop_scaling();
    on_scaled_timer();
  }
  void arm_scaled(Duration whole) noexcept;
  void stop_scaling() noexcept {
    if (running_ != nullptr) running_->unlink();
  }
  void rescale() noexcept;
  std::unique_ptr<ScaledTimers::Running> running_;  // null: nothing scales it
};

/// See Alarm.
template <class Owner, void (Owner::*Method)()>
class ScaledAlarm final : public ScaledTimer {
 public:
  ScaledAlarm(Timers& timers, ScaledTimers* scaling, ScaledKind kind, Owner& owner)
      : ScaledTimer(timers, scaling, kind), owner_(owner) {}

 private:
  void on_scaled_timer() override { (owner_.*Method)(); }
  Owner& owner_;
};

}  // namespace outrigger::event
