// An IP address as its bytes, for who compares it with ranges for each request: without the text that an Address keeps.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include "proxy/net/address.h"

namespace outrigger::net {

class IpBytes {
 public:
  /// "::1", "1.2.3.4".
  static std::optional<IpBytes> parse(std::string_view ip) noexcept;
  std::string_view bytes() const noexcept { return {reinterpret_cast<const char*>(bytes_), size_}; }

 private:
  std::uint8_t bytes_[16] = {};
  std::uint8_t size_ = 0;
};

/// `ip`: 4 or 16 bytes; what has another size is in no range.
bool contains(const CidrRange& range, std::string_view ip) noexcept;
inline bool contains(const CidrRange& range, const IpBytes& ip) noexcept { return contains(range, ip.bytes()); }

}  // namespace outrigger::net
