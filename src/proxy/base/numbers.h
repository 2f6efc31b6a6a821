// Numbers in text, from end to end of it. Pure.
#pragma once
#include <charconv>
#include <optional>
#include <string_view>

namespace outrigger {

/// A whole number, which may begin with '+' as Envoy takes it. None: the text is not, or does not fit.
template <class T>
std::optional<T> to_number(std::string_view s) noexcept {
  if (s.size() > 1 && s[0] == '+' && s[1] != '-') s.remove_prefix(1);
  T n{};
  const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), n);
  return ec == std::errc{} && end == s.data() + s.size() ? std::optional(n) : std::nullopt;
}

}  // namespace outrigger
