// Base64 (RFC 4648, section 4) of what is there as a whole. Pure; proxy/buffer has what comes in parts.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace outrigger {

inline constexpr char kBase64Digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// One to three bytes become four characters.
inline void encode_base64_group(std::string_view bytes, char* out) noexcept {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < 3; ++i) bits = bits << 8 | (i < bytes.size() ? static_cast<std::uint8_t>(bytes[i]) : 0U);
  for (std::size_t i = 0; i < 4; ++i) out[i] = i <= bytes.size() ? kBase64Digits[bits >> (18 - 6 * i) & 63] : '=';
}

inline std::string encode_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    char four[4];
    encode_base64_group(bytes.substr(at, 3), four);
    out.append(four, sizeof four);
  }
  return out;
}

}  // namespace outrigger
