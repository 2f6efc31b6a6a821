// How the kernel shares a core between the main thread and the workers.
#pragma once

namespace outrigger::server {

/// Lets threads that wake run before the calling one, also on the core where it runs, so that a large update of the config costs
/// requests no latency. It asks for long slices of time (sched(7), SCHED_OTHER with a runtime; Linux 6.12), which a thread with
/// shorter ones may interrupt, and for a quarter of the weight: of two threads of the same weight the one that has just run is
/// not let in again until the other has run as long, and that is looked at only with the next tick of the clock, some ms later
/// (see also event/give_way.h). While workers leave no time, it has a fifth of a core. Threads that it starts later have it from
/// it.
void yield_to_others() noexcept;

}  // namespace outrigger::server
