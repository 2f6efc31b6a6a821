// How the kernel shares a core between the main thread and the workers.
#pragma once

namespace outrigger::server {

/// Lets threads that wake run before the calling one, also on the core where it runs: it asks for long slices of time
/// (sched(7), SCHED_OTHER with a runtime; Linux 6.12), so that a large update of the config costs requests no latency. Its
/// share of the core stays the same. Without effect on older kernels, which let a thread that has slept run at once (before 6.6)
/// or at the end of a slice of some ms. Threads that it starts later have it from it.
void yield_to_others() noexcept;

}  // namespace outrigger::server
