#include "proxy/compression/memory.h"

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace outrigger::compression {

namespace {

constexpr std::size_t kKeptMax = 8 << 20;  // of a thread
constexpr unsigned kClasses = 22;          // powers of two, up to 2 MiB; larger blocks are rare

struct alignas(std::max_align_t) Head {
  Head* next;
  std::size_t size_class;
};

struct Kept {
  ~Kept() {
    for (auto*& list : lists)
      while (list != nullptr) std::free(std::exchange(list, list->next));
  }
  Head* lists[kClasses] = {};
  std::size_t bytes = 0;
};
thread_local Kept kept;

}  // namespace

void* take_memory(std::size_t bytes) noexcept {
  if (bytes > SIZE_MAX / 4) return nullptr;
  const std::size_t all = std::bit_ceil(bytes + sizeof(Head));
  const auto size_class = static_cast<std::size_t>(std::countr_zero(all));
  Head* block = nullptr;
  if (size_class < kClasses && kept.lists[size_class] != nullptr) {
    block = std::exchange(kept.lists[size_class], kept.lists[size_class]->next);
    kept.bytes -= all;
  } else {
    block = static_cast<Head*>(std::malloc(size_class < kClasses ? all : bytes + sizeof(Head)));
    if (block == nullptr) return nullptr;
  }
  block->size_class = size_class;
  return block + 1;
}

void give_back(void* memory) noexcept {
  if (memory == nullptr) return;
  Head* block = static_cast<Head*>(memory) - 1;
  const std::size_t bytes = std::size_t{1} << block->size_class;
  if (block->size_class >= kClasses || kept.bytes + bytes > kKeptMax) return std::free(block);
  block->next = std::exchange(kept.lists[block->size_class], block);
  kept.bytes += bytes;
}

std::size_t memory_kept() noexcept { return kept.bytes; }

}  // namespace outrigger::compression
