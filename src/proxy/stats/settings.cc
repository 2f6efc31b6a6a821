#include "proxy/stats/settings.h"

#include <algorithm>

#include "proxy/stats/histogram.h"

namespace outrigger::stats {

bool NamePattern::matches(std::string_view name) const {
  std::string lower;
  if (ignore_case) {
    lower = name;
    for (char& c : lower) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    name = lower;
  }
  switch (kind) {
    case Kind::exact: return name == text;
    case Kind::prefix: return name.starts_with(text);
    case Kind::suffix: return name.ends_with(text);
    case Kind::contains: return name.find(text) != std::string_view::npos;
    case Kind::regex: return regex != nullptr && re2::RE2::FullMatch({name.data(), name.size()}, *regex);
  }
  return false;
}

bool StatsSettings::accepts(std::string_view name) const {
  if (match == Match::accept_all) return true;
  if (match == Match::reject_all) return false;
  const bool found = std::any_of(patterns.begin(), patterns.end(), [&](const NamePattern& p) { return p.matches(name); });
  return found == (match == Match::inclusion);
}

std::span<const double> StatsSettings::buckets_of(std::string_view name) const {
  for (const auto& [pattern, bounds] : buckets) {
    if (pattern.matches(name)) return bounds;
  }
  return default_buckets();
}

}  // namespace outrigger::stats
