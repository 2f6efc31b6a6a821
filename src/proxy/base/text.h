// Small questions about text. Pure.
#pragma once
#include <algorithm>
#include <string_view>

namespace outrigger {

/// ASCII.
constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

/// But for ASCII case.
inline bool iequals(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

/// Is `begun` the beginning of `whole`, or does it begin with it?
inline bool agrees_so_far(std::string_view begun, std::string_view whole) noexcept {
  const auto n = std::min(begun.size(), whole.size());
  return begun.substr(0, n) == whole.substr(0, n);
}

}  // namespace outrigger
