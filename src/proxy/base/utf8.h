// Is text UTF-8 (RFC 3629)? Pure.
#pragma once
#include <cstddef>
#include <string_view>

namespace outrigger {

/// Without overlong forms, surrogates and what lies beyond U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

/// How many characters, not bytes; of text that is UTF-8.
constexpr std::size_t character_count(std::string_view text) noexcept {
  std::size_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return n;
}

}  // namespace outrigger
