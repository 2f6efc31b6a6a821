// How much memory the process uses.
#pragma once
#include <cstdint>

namespace outrigger::server {

struct Memory {
  std::uint64_t allocated = 0, heap = 0, free = 0, physical = 0;  // bytes
};
Memory read_memory();
/// Gives the kernel back what is free in the heap. Milliseconds; not on a data path.
void return_free_memory();
/// And the pages of the program that only loading a config needed: those that are used again come from the page cache.
void return_memory_of_loading();

}  // namespace outrigger::server
