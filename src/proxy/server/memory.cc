#include "proxy/server/memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cstdio>

#if defined(__SANITIZE_ADDRESS__) || defined(_GLIBCXX_TSAN)
#define OUTRIGGER_SANITIZER_HEAP  // glibc knows nothing of it, and g++ has no header for it
extern "C" {
std::size_t __sanitizer_get_current_allocated_bytes();
std::size_t __sanitizer_get_heap_size();
std::size_t __sanitizer_get_free_bytes();
}
#endif

namespace outrigger::server {

namespace {
#ifdef OUTRIGGER_SANITIZER_HEAP
void read_heap(Memory& m) {
  m.allocated = __sanitizer_get_current_allocated_bytes();
  m.heap = __sanitizer_get_heap_size();
  m.free = __sanitizer_get_free_bytes();
}
#else
void read_heap(Memory& m) {
  const struct mallinfo2 info = mallinfo2();
  m.allocated = info.uordblks + info.hblkhd;
  m.heap = info.arena + info.hblkhd;
  m.free = info.fordblks;
}
#endif
}  // namespace

Memory read_memory() {
  Memory m;
  read_heap(m);
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
