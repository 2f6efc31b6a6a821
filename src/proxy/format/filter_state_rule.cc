#include "proxy/format/filter_state_rule.h"

namespace outrigger::format {

namespace {

void apply_one(const FilterStateRule& rule, TimePoint now, WallTime wall, http::ConnectionInfo& info) {
  auto stream = http::StreamInfo::of_connection(info, now, wall);
  stream.end = now;
  stream.filter_state.parent = &info.filter_state;
  if (info.found() != nullptr) stream.dynamic_metadata = info.found()->dynamic_metadata;
  std::string text;
  rule.value.append({&stream, nullptr, nullptr, nullptr, "NotSet"}, Missing::dash, text);
  if (text.empty() && rule.skip_if_empty) return;
  info.facts().set_state(info.filter_state, rule.key, text, rule.hashable);
}

}  // namespace

void apply(const std::vector<FilterStateRule>& rules, TimePoint now, WallTime wall, http::ConnectionInfo& info) {
  for (const auto& rule : rules) apply_one(rule, now, wall, info);
}

}  // namespace outrigger::format
