// Bump allocator of one stream: inline first block, then malloc'd blocks freed all at once.
// Not thread-safe. Objects with destructors must be destroyed by whoever made them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "proxy/base/text.h"

namespace outrigger {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    reset();
    while (spare_ != nullptr) std::free(std::exchange(spare_, spare_->next));
  }

  void* allocate(std::size_t bytes, std::size_t align = alignof(std::max_align_t)) {
    auto at = (reinterpret_cast<std::uintptr_t>(next_) + align - 1) & ~(align - 1);
    if (at + bytes > reinterpret_cast<std::uintptr_t>(end_)) return allocate_slow(bytes, align);
    next_ = reinterpret_cast<char*>(at + bytes);
    return reinterpret_cast<void*>(at);
  }
  template <class T, class... A>
  T* make(A&&... a) {
    return new (allocate(sizeof(T), alignof(T))) T(std::forward<A>(a)...);
  }
  std::string_view copy(std::string_view s) {
    if (s.empty()) return {};
    char* p = static_cast<char*>(allocate(s.size(), 1));
    std::memcpy(p, s.data(), s.size());
    return {p, s.size()};
  }
  /// In lower case.
  std::string_view lower_copy(std::string_view s) {
    char* p = static_cast<char*>(allocate(s.size(), 1));
    for (std::size_t i = 0; i < s.size(); ++i) p[i] = lower(s[i]);
    return {p, s.size()};
  }
  /// All parts joined into one string of the arena.
  template <class... S>
  std::string_view cat(const S&... parts) {
    const std::string_view list[] = {std::string_view(parts)...};
    std::size_t n = 0;
    for (auto s : list) n += s.size();
    char* p = static_cast<char*>(allocate(n ? n : 1, 1));
    char* o = p;
    for (auto s : list) {
      if (!s.empty()) std::memcpy(o, s.data(), s.size());
      o += s.size();
    }
    return {p, n};
  }
  /// Frees everything but the inline block and a few of the usual size, which the next user will need too.
  void reset() noexcept {
    while (blocks_ != nullptr) {
      Block* b = std::exchange(blocks_, blocks_->next);
      if (b->size == kUsual && spare_count_ < kSpareMax) {
        b->next = spare_;
        spare_ = b;
        ++spare_count_;
      } else {
        std::free(b);
      }
    }
    next_ = inline_;
    end_ = inline_ + sizeof inline_;
    grown_ = 0;
  }
  /// Bytes taken beyond the inline block.
  std::size_t grown() const noexcept { return grown_; }

 private:
  struct alignas(std::max_align_t) Block {
    Block* next;
    std::size_t size;
  };
  Block* take_block(std::size_t size) {
    if (size == kUsual && spare_ != nullptr) {
      --spare_count_;
      return std::exchange(spare_, spare_->next);
    }
    auto* block = static_cast<Block*>(std::malloc(size));
    if (block == nullptr) std::abort();  // out of memory: there is no smaller answer
    block->size = size;
    return block;
  }
  void* allocate_slow(std::size_t bytes, std::size_t align) {
    const bool usual = bytes + align <= kUsual - sizeof(Block);
    const std::size_t size = usual ? kUsual : sizeof(Block) + align + bytes;
    Block* block = take_block(size);
    block->next = blocks_;
    blocks_ = block;
    grown_ += size;
    next_ = reinterpret_cast<char*>(block + 1);
    end_ = reinterpret_cast<char*>(block) + size;
    return allocate(bytes, align);
  }
  static constexpr std::size_t kUsual = 4096;
  static constexpr unsigned kSpareMax = 4;
  Block* blocks_ = nullptr;
  Block* spare_ = nullptr;
  unsigned spare_count_ = 0;
  std::size_t grown_ = 0;
  alignas(std::max_align_t) char inline_[3584];
  char* next_ = inline_;
  char* end_ = inline_ + sizeof inline_;
};

}  // namespace outrigger
