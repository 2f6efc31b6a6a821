#include "filters/encoding_choice.h"

#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "proxy/base/text.h"

namespace outrigger::filters {

namespace {

constexpr std::string_view kIdentity = "identity", kWildcard = "*";

/// As absl's SimpleAtof() takes it.
std::optional<float> to_quality(std::string_view text) {
  if (!text.empty() && text[0] == '+') {
    text.remove_prefix(1);
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) return {};
  }
  float n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (end != text.data() + text.size() || ec == std::errc::invalid_argument) return {};
  if (ec != std::errc::result_out_of_range) return n;
  const bool tiny = text.find("e-") != text.npos || text.find("E-") != text.npos;
  return tiny ? 0.0F : text[0] == '-' ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
}

/// A token of accept-encoding; nothing of one whose weight is no number.
struct Wish {
  std::string_view encoding;
  float quality = 1;
  static std::optional<Wish> of(std::string_view token) {
    const auto semicolon = token.find(';');
    Wish o{trimmed(token.substr(0, semicolon))};
    if (semicolon == token.npos) return o;
    const auto params = token.substr(semicolon + 1);
    const auto equals = params.find('=');
    if (equals == params.npos || !iequals(trimmed(params.substr(0, equals)), "q")) return o;
    const auto quality = to_quality(trimmed(params.substr(equals + 1)));
    if (!quality) return {};
    o.quality = *quality;
    return o;
  }
};

/// What is offered to this client.
class Offers {
 public:
  explicit Offers(std::span<const EncodingOffer> offers) {
    for (const auto& o : offers)
      if (find(o.encoding) == nullptr && count_ < all_.size()) all_[count_++] = {o, true};
  }
  void refuse(std::string_view encoding) {
    if (auto* e = find(encoding)) e->offered = false;
  }
  bool offered(std::string_view encoding) {
    const auto* e = find(encoding);
    return e != nullptr && e->offered;
  }
  bool chosen_first(std::string_view encoding) { return offered(encoding) && find(encoding)->offer.choose_first; }
  /// Empty: nothing.
  std::string_view first() const noexcept {
    for (std::size_t i = 0; i < count_; ++i)
      if (all_[i].offered) return all_[i].offer.encoding;
    return {};
  }

 private:
  struct Entry {
    EncodingOffer offer;
    bool offered = false;
  };
  Entry* find(std::string_view encoding) {
    for (std::size_t i = 0; i < count_; ++i)
      if (all_[i].offer.encoding == encoding) return &all_[i];
    return nullptr;
  }
  std::array<Entry, kOffersMax> all_;
  std::size_t count_ = 0;
};

template <class F>
void each_wish(std::string_view accept_encoding, F&& f) {
  any_token(accept_encoding, [&](std::string_view token) {
    if (token.empty()) return false;
    if (const auto wish = Wish::of(token)) f(*wish);
    return false;
  });
}

}  // namespace

EncodingChoice choose_encoding(std::string_view accept_encoding, std::span<const EncodingOffer> offers) {
  Offers all(offers);
  bool any = false;
  each_wish(accept_encoding, [&](const Wish& w) {
    any = true;
    if (w.quality == 0) all.refuse(w.encoding);
  });
  if (!any || all.first().empty()) return {};
  Wish best{kIdentity, 0};
  each_wish(accept_encoding, [&](const Wish& w) {
    if (!all.offered(w.encoding) && w.encoding != kIdentity && w.encoding != kWildcard) return;
    if (w.quality > best.quality || (w.quality == best.quality && all.chosen_first(w.encoding))) best = w;
  });
  if (best.quality == 0) return {};
  if (best.encoding == kIdentity) return {EncodingChoice::identity, kIdentity};
  if (best.encoding == kWildcard) return {EncodingChoice::wildcard, all.first()};
  return {EncodingChoice::named, best.encoding};
}

}  // namespace outrigger::filters
