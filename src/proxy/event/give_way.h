// A long piece of work on the main thread, and the workers on the same core.
#pragma once

namespace outrigger::event {

/// Lets threads that wait for this core run, when the calling one has kept it for long enough that their requests would feel it.
/// For loops that may have thousands of things to do: costs a look at the clock. The kernel lets a thread that wakes run at once
/// only when it had less than its share of late; otherwise that is looked at with the clock's next tick, some ms later.
void give_way() noexcept;

}  // namespace outrigger::event
