#include "proxy/server/scheduling.h"

#include <linux/sched/types.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <algorithm>

namespace outrigger::server {

void yield_to_others() noexcept {
  constexpr unsigned long long kSlice = 20'000'000;  // ns; the default is a few ms, the most is 100
  constexpr int kNicer = 6;                          // a quarter of a worker's weight
  sched_attr attributes{};
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0u) != 0) return;
  if (attributes.sched_policy != 0) return;  // somebody has chosen another one
  attributes.size = sizeof attributes;
  attributes.sched_runtime = kSlice;
  attributes.sched_nice = std::min(attributes.sched_nice + kNicer, 19);
  syscall(SYS_sched_setattr, 0, &attributes, 0u);
}

}  // namespace outrigger::server
