#include "proxy/server/memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
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

namespace {
/// The first object is the program itself; its code and constants are clean copies of the file.
int drop_clean_pages(dl_phdr_info* program, std::size_t, void*) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  for (unsigned i = 0; i < program->dlpi_phnum; ++i) {
    const auto& segment = program->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = (program->dlpi_addr + segment.p_vaddr) & ~(page - 1);
    const std::uintptr_t end = (program->dlpi_addr + segment.p_vaddr + segment.p_memsz) & ~(page - 1);
    if (end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 1;
}
}  // namespace

void return_memory_of_loading() {
  return_free_memory();
  dl_iterate_phdr(drop_clean_pages, nullptr);
}

}  // namespace outrigger::server
