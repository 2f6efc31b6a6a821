// Matchers of metadata and filter state. Immutable, pure, no allocation.
#pragma once
#include <cstdint>
#include <string>
#include <vector>
#include "proxy/base/metadata.h"
#include "proxy/http/filter_state.h"
#include "proxy/net/address.h"
#include "proxy/route/string_matcher.h"

namespace outrigger::route {

/// envoy.type.matcher.v3.ValueMatcher.
struct ValueMatcher {
  enum Kind : std::uint8_t { null, range, number, string, boolean, present, list, any_of } kind = present;
  double first = 0, last = 0;  // [first, last), or the number
  bool b = true;
  StringMatcher text;
  std::vector<ValueMatcher> inner;  // of a list's item, or the alternatives
  /// Null: there is no such value.
  bool match(const MetadataValue* v) const;
};

struct MetadataMatcher {
  std::string name;  // the namespace
  std::vector<std::string> path;
  ValueMatcher value;
  bool invert = false;
  /// Null: there is no metadata.
  bool match(const Metadata* all) const { return value.match(all == nullptr ? nullptr : all->find(name, path)) != invert; }
};

struct FilterStateMatcher {
  std::string key;
  bool is_address = false, invert = false;
  StringMatcher text;
  std::vector<net::CidrRange> ranges;
  bool match(const http::FilterState& state) const;
};

}  // namespace outrigger::route
