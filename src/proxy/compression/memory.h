// Memory of the compression libraries' states: blocks of a thread that are used again, so that messages allocate nothing in
// steady state. What is kept is bounded. A block goes back on the thread that took it.
#pragma once
#include <cstddef>

namespace outrigger::compression {

/// Null: there is none.
void* take_memory(std::size_t bytes) noexcept;
/// Null is fine.
void give_back(void* block) noexcept;
/// What this thread keeps for later.
std::size_t memory_kept() noexcept;

}  // namespace outrigger::compression
