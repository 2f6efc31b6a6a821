#include "proxy/format/filter_state_rule.h"

namespace outrigger::format {

namespace {

/// False: nothing is to be set.
bool evaluate(const FilterStateRule& rule, const Context& context, std::string& text) {
  text.clear();
  rule.value.append(context, Missing::dash, text);
  return !text.empty() || !rule.skip_if_empty;
}

void apply_one(const FilterStateRule& rule, TimePoint now, WallTime wall, http::ConnectionInfo& info, std::uint64_t bytes) {
  auto stream = http::StreamInfo::of_connection(info, now, wall);
  stream.end = now;
  stream.bytes_received = bytes;
  stream.filter_state.parent = &info.filter_state;
  if (info.found() != nullptr) stream.dynamic_metadata = info.found()->dynamic_metadata;
  std::string text;
  if (evaluate(rule, {&stream, nullptr, nullptr, nullptr, "NotSet"}, text))
    info.facts().set_state(info.filter_state, rule.key, text, rule.hashable);
}

}  // namespace

void apply(const FilterStateRules& rules, TimePoint now, WallTime wall, http::ConnectionInfo& info, std::uint64_t bytes) {
  for (const auto& rule : rules) apply_one(rule, now, wall, info, bytes);
}

void apply(const FilterStateRules& rules, const Context& context, http::FilterState& state, Arena& arena) {
  std::string text;
  for (const auto& rule : rules) {
    if (!evaluate(rule, context, text) || (state.parent != nullptr && state.parent->find(rule.key) != nullptr)) continue;
    state.add(*arena.make<http::FilterState::Entry>(std::string_view(rule.key), arena.copy(text), rule.hashable));
  }
}

}  // namespace outrigger::format
