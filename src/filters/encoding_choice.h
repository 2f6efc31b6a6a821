// Which content coding a client is answered in: its accept-encoding against what the filters of a chain offer. Pure.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include "proxy/base/text.h"

namespace outrigger::filters {

struct EncodingOffer {
  std::string_view encoding;
  bool choose_first = false;  // before others that the client likes as much
};

struct EncodingChoice {
  enum Why : std::uint8_t { not_valid, identity, wildcard, named } why = not_valid;
  std::string_view encoding = "identity";
};

/// `offers` in their order in the chain; of one encoding the first counts. At most kOffersMax are looked at.
EncodingChoice choose_encoding(std::string_view accept_encoding, std::span<const EncodingOffer> offers);
inline constexpr std::size_t kOffersMax = 16;

/// Calls f with each token of a comma-separated list, without the blanks around it; empty ones too. True: f said so of one.
template <class F>
bool any_token(std::string_view list, F&& f);

/// Without blanks at its ends.
constexpr std::string_view trimmed(std::string_view s) noexcept {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  const auto begin = s.find_first_not_of(kBlanks);
  return begin == s.npos ? std::string_view{} : s.substr(begin, s.find_last_not_of(kBlanks) + 1 - begin);
}

template <class F>
bool any_token(std::string_view list, F&& f) {
  for (;;) {
    const auto comma = list.find(',');
    if (f(trimmed(list.substr(0, comma)))) return true;
    if (comma == list.npos) return false;
    list.remove_prefix(comma + 1);
  }
}

/// May a message with that cache-control have another coding? (RFC 9111, 5.2.2.6)
inline bool may_transform(std::string_view cache_control) {
  return !any_token(cache_control, [](auto t) { return iequals(t, "no-transform"); });
}

}  // namespace outrigger::filters
