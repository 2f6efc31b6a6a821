// Config that changes while it is in use. Main gives the next one to each worker through the worker's loop; a stream keeps
// the one it began with, by a plain count of its worker's own. Shared by the configs of all connection managers that
// name it.
#pragma once
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace outrigger::hcm {

template <class T>
class Late {
  struct Version {
    std::shared_ptr<const T> value;
    std::uint32_t users = 1;  // the slot, while it is the newest, and pins
  };

 public:
  /// One version as long as it is needed; confined to its worker.
  class Pin {
   public:
    Pin() = default;
    Pin(Pin&& other) noexcept : version_(std::exchange(other.version_, nullptr)) {}
    Pin& operator=(Pin&& other) noexcept {
      std::swap(version_, other.version_);
      return *this;
    }
    ~Pin() { drop(version_); }
    void reset() noexcept { drop(std::exchange(version_, nullptr)); }
    /// Null: nothing has come yet.
    const T* get() const noexcept { return version_ == nullptr ? nullptr : version_->value.get(); }

   private:
    friend class Late;
    explicit Pin(Version* v) noexcept : version_(v) {
      if (v != nullptr) ++v->users;
    }
    Version* version_ = nullptr;
  };

  explicit Late(std::size_t workers) : newest_(workers) {}
  /// When no worker can come here any more.
  ~Late() {
    for (Version* v : newest_) drop(v);
  }
  Late(const Late&) = delete;
  Late& operator=(const Late&) = delete;
  /// On the thread of that worker.
  void set(std::size_t worker, std::shared_ptr<const T> next) {
    drop(std::exchange(newest_[worker], new Version{std::move(next)}));
  }
  Pin pin(std::size_t worker) const noexcept { return Pin(newest_[worker]); }

 private:
  static void drop(Version* v) noexcept {
    if (v != nullptr && --v->users == 0) delete v;
  }
  std::vector<Version*> newest_;  // by worker; null: nothing has come
};

}  // namespace outrigger::hcm
