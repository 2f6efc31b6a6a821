#include "proxy/route/metadata_matcher.h"

#include <algorithm>

#include "proxy/net/ip_bytes.h"

namespace outrigger::route {

bool ValueMatcher::match(const MetadataValue* v) const {
  using V = MetadataValue;
  const auto matches = [v](const ValueMatcher& m) { return m.match(v); };
  if (kind == any_of) return std::any_of(inner.begin(), inner.end(), matches);
  if (v == nullptr) return false;
  switch (kind) {
    case null: return v->kind == V::null;
    case range: return v->kind == V::number && v->n >= first && v->n < last;
    case number: return v->kind == V::number && v->n == first;
    case string: return v->kind == V::string && text.match(v->text);
    case boolean: return v->kind == V::boolean && v->b == b;
    case present: return b;
    case list:
      return v->kind == V::list &&
             std::any_of(v->items.begin(), v->items.end(), [this](const V& item) { return inner.front().match(&item); });
    case any_of: break;
  }
  return false;
}

bool FilterStateMatcher::match(const http::FilterState& state) const {
  const auto* e = state.find(key);
  if (e == nullptr) return false;
  if (!is_address) return text.match(e->value);
  const auto address = net::IpBytes::parse(e->value);
  if (!address) return false;
  const bool in = std::any_of(ranges.begin(), ranges.end(), [&](const auto& r) { return net::contains(r, *address); });
  return in != invert;
}

}  // namespace outrigger::route
