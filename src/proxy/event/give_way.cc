#include "proxy/event/give_way.h"

#include <sched.h>
#include <algorithm>
#include <chrono>

namespace outrigger::event {

void give_way() noexcept {
  using Clock = std::chrono::steady_clock;
  constexpr Clock::duration kPatience = std::chrono::microseconds(200);
  thread_local Clock::time_point last;
  thread_local Clock::duration patience = kPatience;
  const auto before = Clock::now();
  if (before - last < patience) return;
  ::sched_yield();
  last = Clock::now();
  patience = std::max(kPatience, last - before);  // no more than half of the time is theirs, however much they have to do
}

}  // namespace outrigger::event
