#include "proxy/format/filter_state_rule.h"

#include "proxy/base/numbers.h"

namespace outrigger::format {

namespace {

/// Makes the text what an object of the kind says of itself. False: it is none.
bool to_object(http::StateKind kind, std::string& text) {
  using http::StateKind;
  if (kind == StateKind::flag) text = text == "true" ? "true" : "false";
  if (kind == StateKind::number) return to_number<std::uint64_t>(text).has_value();
  if (kind != StateKind::address) return true;
  const auto address = net::Address::parse_ip_port(text);
  if (!address) return false;
  text = address->text();
  return true;
}

/// False: nothing is to be set.
bool evaluate(const FilterStateRule& rule, const Context& context, std::string& text) {
  text.clear();
  rule.value.append(context, Missing::dash, text);
  if (text.empty() && rule.skip_if_empty) return false;
  return to_object(rule.traits.kind, text);
}

void apply_one(const FilterStateRule& rule, TimePoint now, WallTime wall, http::ConnectionInfo& info, std::uint64_t bytes) {
  auto stream = http::StreamInfo::of_connection(info, now, wall);
  stream.end = now;
  stream.bytes_received = bytes;
  stream.filter_state.parent = &info.filter_state;
  if (info.found() != nullptr) stream.dynamic_metadata = info.found()->dynamic_metadata;
  std::string text;
  if (evaluate(rule, {&stream, nullptr, nullptr, nullptr, "NotSet"}, text))
    info.facts().set_state(info.filter_state, rule.key, text, rule.traits);
}

}  // namespace

void apply(const FilterStateRules& rules, TimePoint now, WallTime wall, http::ConnectionInfo& info, std::uint64_t bytes) {
  for (const auto& rule : rules) apply_one(rule, now, wall, info, bytes);
}

void apply(const FilterStateRules& rules, const Context& context, http::FilterState& state, Arena& arena) {
  std::string text;
  for (const auto& rule : rules) {
    if (!evaluate(rule, context, text) || (state.parent != nullptr && state.parent->find(rule.key) != nullptr)) continue;
    auto* e = arena.make<http::FilterState::Entry>();
    *e = {rule.key, arena.copy(text), rule.traits.hashable, nullptr, {}, {}, rule.traits.kind, rule.traits.sharing};
    state.add(*e);
  }
}

}  // namespace outrigger::format
