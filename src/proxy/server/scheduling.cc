#include "proxy/server/scheduling.h"

#include <linux/sched/types.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace outrigger::server {

void yield_to_others() noexcept {
  constexpr unsigned long long kSlice = 20'000'000;  // ns; the default is a few ms, the most is 100
  sched_attr attributes{};
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0u) != 0) return;
  if (attributes.sched_policy != 0) return;  // somebody has chosen another one
  attributes.size = sizeof attributes;
  attributes.sched_runtime = kSlice;
  syscall(SYS_sched_setattr, 0, &attributes, 0u);
}

}  // namespace outrigger::server
