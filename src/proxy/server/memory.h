// How much memory the process uses.
#pragma once
#include <cstdint>

namespace outrigger::server {

struct Memory {
  std::uint64_t allocated = 0, heap = 0, free = 0, physical = 0;  // bytes
};
Memory read_memory();

}  // namespace outrigger::server
