// Numbers and length-prefixed pieces out of bytes from the network. Reading past the end makes the reader
// bad; what it gives then is zero or empty.
#pragma once
#include <cstdint>
#include <string_view>

namespace outrigger::listener {

class Reader {
 public:
  explicit Reader(std::string_view bytes) noexcept : left_(bytes) {}
  bool empty() const noexcept { return left_.empty() || bad_; }
  bool bad() const noexcept { return bad_; }
  std::size_t left() const noexcept { return bad_ ? 0 : left_.size(); }
  std::string_view take(std::size_t n) noexcept {
    if (bad_ || n > left_.size()) {
      bad_ = true;
      return {};
    }
    const auto r = left_.substr(0, n);
    left_.remove_prefix(n);
    return r;
  }
  std::uint32_t u8() noexcept { return number(1); }
  std::uint32_t u16() noexcept { return number(2); }
  std::uint32_t u24() noexcept { return number(3); }
  std::string_view vector8() noexcept { return take(u8()); }
  std::string_view vector16() noexcept { return take(u16()); }

 private:
  std::uint32_t number(std::size_t size) noexcept {
    std::uint32_t n = 0;
    for (const char c : take(size)) n = n << 8 | static_cast<std::uint8_t>(c);
    return n;
  }
  std::string_view left_;
  bool bad_ = false;
};

}  // namespace outrigger::listener
