#include "proxy/server/memory.h"

#include <malloc.h>
#include <unistd.h>
#include <cstdio>

namespace outrigger::server {

Memory read_memory() {
  Memory m;
  const struct mallinfo2 info = mallinfo2();
  m.allocated = info.uordblks + info.hblkhd;
  m.heap = info.arena + info.hblkhd;
  m.free = info.fordblks;
  if (std::FILE* f = std::fopen("/proc/self/statm", "r")) {
    unsigned long size = 0, resident = 0;
    if (std::fscanf(f, "%lu %lu", &size, &resident) == 2)
      m.physical = resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    std::fclose(f);
  }
  return m;
}

void return_free_memory() { malloc_trim(0); }

}  // namespace outrigger::server
