// Base64 (RFC 4648, section 4) of what is there as a whole. Pure; proxy/buffer has what comes in parts.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace outrigger {

inline constexpr char kBase64Digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
inline constexpr char kBase64UrlDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What each byte stands for; negative: nothing.
template <const char (&digits)[65]>
inline constexpr auto kBase64Values = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::int8_t i = 0; i < 64; ++i) values[static_cast<std::uint8_t>(digits[i])] = i;
  return values;
}();

/// Groups of four digits at the beginning of `text`, up to the first other byte; how many bytes of `text` they are.
template <const char (&digits)[65]>
std::size_t decode_base64_groups(std::string_view text, std::string& out) {
  const auto value = [&](std::size_t at) { return std::int32_t{kBase64Values<digits>[static_cast<std::uint8_t>(text[at])]}; };
  const std::size_t before = out.size();
  out.resize(before + text.size() / 4 * 3);
  char* end = out.data() + before;
  std::size_t at = 0;
  for (; at + 4 <= text.size(); at += 4) {
    const std::int32_t a = value(at), b = value(at + 1), c = value(at + 2), d = value(at + 3);
    if ((a | b | c | d) < 0) break;
    *end++ = static_cast<char>(a << 2 | b >> 4);
    *end++ = static_cast<char>(b << 4 | c >> 2);
    *end++ = static_cast<char>(c << 6 | d);
  }
  out.resize(static_cast<std::size_t>(end - out.data()));
  return at;
}

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

/// Padded, and nothing else in it. False: it is something else.
inline bool decode_base64(std::string_view text, std::string& out) {
  if (text.size() % 4 != 0) return false;
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  text.remove_prefix(decode_base64_groups<kBase64Digits>(text, out));
  std::uint32_t bits = 0;
  unsigned held = 0;  // bits that are no byte yet
  for (const char c : text) {
    const int digit = kBase64Values<kBase64Digits>[static_cast<std::uint8_t>(c)];
    if (digit < 0) return false;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 255);
  }
  return (bits & ((1U << held) - 1)) == 0 && held == 2 * padding;
}

/// Padded or not; more padding than there should be is taken, too, as by Envoy. False: it is something else.
inline bool decode_any_base64(std::string_view text, std::string& out) {
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  const auto rest = text.size() % 4;
  if (rest == 1 || text.ends_with('=')) return false;
  return decode_base64(std::string(text) + std::string(rest == 0 ? 0 : 4 - rest, '='), out);
}

/// Of the digits for URLs (section 5): padded or not, white space is skipped. False: it is something else.
inline bool decode_base64url(std::string_view text, std::string& out) {
  text.remove_prefix(decode_base64_groups<kBase64UrlDigits>(text, out));
  std::uint32_t bits = 0;
  unsigned digits = 0, padding = 0;
  for (const char c : text) {
    if (c == ' ' || (c >= '\t' && c <= '\r')) continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const int digit = kBase64Values<kBase64UrlDigits>[static_cast<std::uint8_t>(c)];
    if (digit < 0 || padding > 0) return false;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    if (++digits % 4 == 0) {
      for (const int shift : {16, 8, 0}) out += static_cast<char>(bits >> shift & 255);
      bits = 0;
    }
  }
  const unsigned rest = digits % 4;
  if (rest == 1 || (padding > 0 && (digits + padding) % 4 != 0) || padding > 2) return false;
  if (rest >= 2) out += static_cast<char>(bits >> (rest == 2 ? 4 : 10) & 255);
  if (rest == 3) out += static_cast<char>(bits >> 2 & 255);
  return true;
}

}  // namespace outrigger
