// The slices of a Buffer: a vector that holds a few without memory of its own, since most buffers never have more.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace outrigger {

/// T is trivially copyable.
template <class T, std::uint32_t kInline>
class SliceList {
 public:
  SliceList() = default;
  SliceList(const SliceList&) = delete;
  SliceList& operator=(const SliceList&) = delete;
  ~SliceList() {
    if (items_ != inline_) std::free(items_);
  }

  std::size_t size() const noexcept { return size_; }
  bool has_memory() const noexcept { return items_ != inline_; }
  std::size_t room() const noexcept { return capacity_ - size_; }
  T& operator[](std::size_t i) noexcept { return items_[i]; }
  const T& operator[](std::size_t i) const noexcept { return items_[i]; }
  T& back() noexcept { return items_[size_ - 1]; }
  T* data() noexcept { return items_; }
  void clear() noexcept { size_ = 0; }
  void pop_back() noexcept { --size_; }

  void push_back(const T& item) { insert(size_, item); }
  void insert(std::size_t at, const T& item) {
    const T copy = item;  // may be one of ours
    if (size_ == capacity_) grow();
    std::memmove(items_ + at + 1, items_ + at, (size_ - at) * sizeof(T));
    items_[at] = copy;
    ++size_;
  }
  void erase_front(std::size_t n) noexcept {
    std::memmove(items_, items_ + n, (size_ - n) * sizeof(T));
    size_ -= static_cast<std::uint32_t>(n);
  }
  void swap(SliceList& o) noexcept {
    for (std::uint32_t i = 0; i < kInline; ++i) std::swap(inline_[i], o.inline_[i]);
    std::swap(items_, o.items_);
    if (items_ == o.inline_) items_ = inline_;
    if (o.items_ == inline_) o.items_ = o.inline_;
    std::swap(size_, o.size_);
    std::swap(capacity_, o.capacity_);
  }

 private:
  void grow() {
    const std::uint32_t capacity = capacity_ * 4;
    auto* items = static_cast<T*>(std::malloc(capacity * sizeof(T)));
    if (items == nullptr) std::abort();  // out of memory: there is no smaller answer
    std::memcpy(items, items_, size_ * sizeof(T));
    if (items_ != inline_) std::free(items_);
    items_ = items;
    capacity_ = capacity;
  }
  std::uint32_t size_ = 0, capacity_ = kInline;
  T* items_ = inline_;
  T inline_[kInline]{};
};

}  // namespace outrigger
