// Numbers in text, from end to end of it. Pure.
#pragma once
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include "proxy/base/arena.h"

namespace outrigger {

/// A whole number, which may begin with '+' as Envoy takes it. None: the text is not, or does not fit.
template <class T>
std::optional<T> to_number(std::string_view s) noexcept {
  if (s.size() > 1 && s[0] == '+' && s[1] != '-') s.remove_prefix(1);
  T n{};
  const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), n);
  return ec == std::errc{} && end == s.data() + s.size() ? std::optional(n) : std::nullopt;
}

/// Its decimal digits, in the arena.
inline std::string_view decimal(std::uint64_t n, Arena& arena) {
  char text[20];
  return arena.copy({text, static_cast<std::size_t>(std::to_chars(text, text + sizeof text, n).ptr - text)});
}

}  // namespace outrigger
