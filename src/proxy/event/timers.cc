#include "proxy/event/timers.h"

#include <algorithm>
#include <bit>

namespace outrigger::event {

namespace {
constexpr std::uint64_t kTickMicros = 1000;
}

Timers::Timers(const TimeSource& time) : time_(time), origin_(time.now()) {}

std::uint64_t Timers::tick_of(TimePoint t) const noexcept {
  const auto us = (t - origin_).count();
  return us <= 0 ? 0 : static_cast<std::uint64_t>(us) / kTickMicros;
}

void Timer::arm(Duration after) noexcept {
  cancel();
  const auto us = static_cast<std::uint64_t>(std::max<Duration::rep>(after.count(), 0));
  const auto now = static_cast<std::uint64_t>((timers_.time_.now() - timers_.origin_).count());
  due_ = (now + us + kTickMicros - 1) / kTickMicros;  // never early
  if (due_ <= timers_.tick_) due_ = timers_.tick_ + 1;
  timers_.place(*this);
  ++timers_.armed_;
}

void Timer::cancel() noexcept {
  if (!linked()) return;
  timers_.remove(*this);
  --timers_.armed_;
}

void Timers::place(Timer& t) noexcept {
  // The level is where due_ and the current tick first differ, so a slot is never ambiguous.
  const std::uint64_t differ = t.due_ ^ tick_;
  unsigned level = differ == 0 ? 0 : (63u - static_cast<unsigned>(std::countl_zero(differ))) / kBits;
  level = std::min(level, kLevels - 1);
  t.level_ = static_cast<std::uint8_t>(level);
  t.slot_ = static_cast<std::uint8_t>(t.due_ >> (level * kBits) & (kSlots - 1));
  slots_[level][t.slot_].push_back(t);
  used_[level] |= std::uint64_t{1} << t.slot_;
}

void Timers::remove(Timer& t) noexcept {
  t.unlink();
  auto& list = slots_[t.level_][t.slot_];
  if (list.empty()) used_[t.level_] &= ~(std::uint64_t{1} << t.slot_);
}

void Timers::run_due() {
  const std::uint64_t target = tick_of(time_.now());
  while (tick_ < target) {
    if (armed_ == 0) {
      tick_ = target;
      return;
    }
    // Jump to the next used slot of the lowest level, or to its end, whichever is first.
    const unsigned at = tick_ & (kSlots - 1);
    const std::uint64_t ahead = at == kSlots - 1 ? 0 : used_[0] >> (at + 1) << (at + 1);
    const std::uint64_t base = tick_ & ~std::uint64_t{kSlots - 1};
    std::uint64_t next = ahead != 0 ? base + static_cast<unsigned>(std::countr_zero(ahead)) : base + kSlots;
    if (next > target) {
      tick_ = target;
      return;
    }
    tick_ = next;
    // Crossing a boundary spreads the slots of the higher levels that now begin.
    for (unsigned level = 1; level < kLevels; ++level) {
      if ((tick_ & ((std::uint64_t{1} << (level * kBits)) - 1)) != 0) break;
      const unsigned slot = tick_ >> (level * kBits) & (kSlots - 1);
      auto& list = slots_[level][slot];
      used_[level] &= ~(std::uint64_t{1} << slot);
      List<Timer> moved;
      while (Timer* t = list.pop_front()) moved.push_back(*t);
      while (Timer* t = moved.pop_front()) place(*t);
    }
    auto& due = slots_[0][tick_ & (kSlots - 1)];
    used_[0] &= ~(std::uint64_t{1} << (tick_ & (kSlots - 1)));
    while (Timer* t = due.pop_front()) {
      --armed_;
      t->on_timer();  // may destroy t, and arm or cancel any timer
    }
  }
}

std::optional<TimePoint> Timers::next() const noexcept {
  if (armed_ == 0) return std::nullopt;
  for (unsigned level = 0; level < kLevels; ++level) {
    if (used_[level] == 0) continue;
    const unsigned shift = level * kBits;
    const unsigned at = tick_ >> shift & (kSlots - 1);
    const std::uint64_t ahead = at == kSlots - 1 ? 0 : used_[level] >> (at + 1) << (at + 1);
    const std::uint64_t base = (tick_ >> shift) & ~std::uint64_t{kSlots - 1};
    const std::uint64_t slot = ahead != 0 ? base + static_cast<unsigned>(std::countr_zero(ahead)) : base + kSlots;
    return origin_ + Duration((slot << shift) * kTickMicros);
  }
  return std::nullopt;
}

}  // namespace outrigger::event
