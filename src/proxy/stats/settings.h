// What a bootstrap's stats_config says: which stats there are, their tags, their buckets. Compiled
// by xds/compile; immutable; used by main only.
#pragma once
#include <re2/re2.h>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/stats/tags.h"

namespace outrigger::stats {

/// envoy.type.matcher.v3.StringMatcher, on a stat's name.
struct NamePattern {
  enum class Kind : unsigned char { exact, prefix, suffix, contains, regex };
  Kind kind = Kind::exact;
  std::string text;                       // in lower case when ignore_case
  std::shared_ptr<const re2::RE2> regex;  // matches the whole name
  bool ignore_case = false;

  bool matches(std::string_view name) const;
};

struct StatsSettings {
  enum class Match : unsigned char { accept_all, reject_all, inclusion, exclusion };
  Match match = Match::accept_all;
  std::vector<NamePattern> patterns;
  std::vector<std::pair<NamePattern, std::vector<double>>> buckets;  // the first match decides
  TagExtractor tags = TagExtractor::with_defaults();

  bool accepts(std::string_view name) const;
  /// Upper bounds of a histogram's buckets.
  std::span<const double> buckets_of(std::string_view name) const;
};

}  // namespace outrigger::stats
