// A part of a config that few have: those without it keep a pointer instead of the part. Immutable; copies share it.
// Compiled on the main thread, read on any.
#pragma once
#include <memory>
#include <utility>

namespace outrigger {

template <class T>
class Rare {
 public:
  /// The usual one unless it was set.
  const T& operator*() const noexcept { return part_ != nullptr ? *part_ : usual(); }
  const T* operator->() const noexcept { return &**this; }
  void set(T part) { part_ = std::make_shared<const T>(std::move(part)); }
  bool set() const noexcept { return part_ != nullptr; }
  /// One that several have.
  void share(std::shared_ptr<const T> part) noexcept { part_ = std::move(part); }

 private:
  static const T& usual() noexcept {
    static const T part{};
    return part;
  }
  std::shared_ptr<const T> part_;
};

}  // namespace outrigger
