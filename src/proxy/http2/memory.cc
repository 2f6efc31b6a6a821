#include "proxy/http2/memory.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace outrigger::http2 {

namespace {

constexpr std::size_t kSmallest = 32, kClasses = 8;  // 32 bytes ... 4 KiB
constexpr std::uint32_t kUncached = kClasses;        // larger: malloc's own
constexpr std::size_t kCachedBytesMax = 256 * 1024;  // of one class and thread

/// In front of every block; keeps what follows aligned.
struct alignas(std::max_align_t) Head {
  std::uint32_t size_class;
  std::uint32_t bytes;
};

struct Free {
  Free* next;
};

struct Cache {
  std::array<Free*, kClasses> free{};
  std::array<std::size_t, kClasses> count{};
  ~Cache() {
    for (Free*& list : free)
      while (list != nullptr) {
        Free* next = list->next;
        std::free(reinterpret_cast<Head*>(list) - 1);
        list = next;
      }
  }
};
thread_local Cache cache;

std::uint32_t class_of(std::size_t bytes) noexcept {
  if (bytes <= kSmallest) return 0;
  const auto c = static_cast<std::uint32_t>(std::bit_width((bytes - 1) / kSmallest));
  return c < kClasses ? c : kUncached;
}
std::size_t bytes_of(std::uint32_t size_class) noexcept { return kSmallest << size_class; }

void* take(std::size_t bytes, void*) {
  const std::uint32_t c = class_of(bytes);
  if (c != kUncached && cache.free[c] != nullptr) {
    Free* f = cache.free[c];
    cache.free[c] = f->next;
    --cache.count[c];
    return f;
  }
  const std::size_t size = c == kUncached ? bytes : bytes_of(c);
  auto* head = static_cast<Head*>(std::malloc(sizeof(Head) + size));
  if (head == nullptr) return nullptr;
  head->size_class = c;
  head->bytes = static_cast<std::uint32_t>(size);
  return head + 1;
}

void give(void* p, void*) {
  if (p == nullptr) return;
  Head* head = static_cast<Head*>(p) - 1;
  const std::uint32_t c = head->size_class;
  if (c == kUncached || cache.count[c] * bytes_of(c) >= kCachedBytesMax) return std::free(head);
  auto* f = static_cast<Free*>(p);
  f->next = cache.free[c];
  cache.free[c] = f;
  ++cache.count[c];
}

void* take_zeroed(std::size_t n, std::size_t each, void* arg) {
  void* p = take(n * each, arg);
  if (p != nullptr) std::memset(p, 0, n * each);
  return p;
}

void* resize(void* p, std::size_t bytes, void* arg) {
  if (p == nullptr) return take(bytes, arg);
  const Head* head = static_cast<Head*>(p) - 1;
  if (bytes <= head->bytes) return p;
  void* fresh = take(bytes, arg);
  if (fresh == nullptr) return nullptr;
  std::memcpy(fresh, p, head->bytes);
  give(p, arg);
  return fresh;
}

}  // namespace

nghttp2_mem* memory() noexcept {
  static nghttp2_mem m{nullptr, take, give, take_zeroed, resize};
  return &m;
}

}  // namespace outrigger::http2
