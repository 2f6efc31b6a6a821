// Deadline callbacks of one thread: a hierarchical wheel of 1 ms ticks. arm and cancel are O(1)
// list operations. Driven by Loop in production, by hand in tests.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include "proxy/base/list.h"
#include "proxy/base/time.h"

namespace outrigger::event {

class Timers;

/// Resource type: pinned, a member (or base) of whoever waits. Destruction cancels.
class Timer : private Link {
 public:
  explicit Timer(Timers& timers) noexcept : timers_(timers) {}
  virtual ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void arm(Duration after) noexcept;  // re-arms when armed
  void cancel() noexcept;
  bool armed() const noexcept { return linked(); }

 protected:
  virtual void on_timer() = 0;

 private:
  friend class Timers;
  friend class outrigger::List<Timer>;
  Timers& timers_;
  std::uint64_t due_ = 0;  // tick
  std::uint8_t level_ = 0, slot_ = 0;
};

class Timers {
 public:
  explicit Timers(const TimeSource& time);
  /// Runs everything due at time.now().
  void run_due();
  bool idle() const noexcept { return armed_ == 0; }
  /// A time not later than the earliest deadline (exact within the lowest level).
  std::optional<TimePoint> next() const noexcept;

 private:
  friend class Timer;
  static constexpr unsigned kBits = 6, kSlots = 64, kLevels = 7;
  void place(Timer& t) noexcept;
  void remove(Timer& t) noexcept;
  std::uint64_t tick_of(TimePoint t) const noexcept;
  const TimeSource& time_;
  TimePoint origin_;
  std::uint64_t tick_ = 0;  // everything before is done
  std::size_t armed_ = 0;
  std::array<std::array<List<Timer>, kSlots>, kLevels> slots_;
  std::array<std::uint64_t, kLevels> used_{};
};

/// A timer calling a function, for the control plane.
class Callback final : public Timer {
 public:
  Callback(Timers& timers, std::function<void()> f) : Timer(timers), f_(std::move(f)) {}

 private:
  void on_timer() override { f_(); }
  std::function<void()> f_;
};

/// A timer calling a member function of its owner: `event::Alarm<Foo, &Foo::on_idle> idle_{timers, *this}`.
template <class Owner, void (Owner::*Method)()>
class Alarm final : public Timer {
 public:
  Alarm(Timers& timers, Owner& owner) noexcept : Timer(timers), owner_(owner) {}

 private:
  void on_timer() override { (owner_.*Method)(); }
  Owner& owner_;
};

}  // namespace outrigger::event
