#include "proxy/format/filter_state_rule.h"

namespace outrigger::format {

void apply(const FilterStateRule& rule, TimePoint now, WallTime wall, http::ConnectionInfo& info) {
  http::StreamInfo stream;
  stream.connection = &info;
  stream.has_protocol = false;
  stream.start = info.start;
  stream.start_wall = wall - (now - info.start);
  stream.end = now;
  stream.filter_state.parent = &info.filter_state;
  if (info.found() != nullptr) stream.dynamic_metadata = info.found()->dynamic_metadata;
  std::string text;
  rule.value.append({&stream, nullptr, nullptr, nullptr, "NotSet"}, Missing::dash, text);
  if (text.empty() && rule.skip_if_empty) return;
  info.facts().set_state(info.filter_state, rule.key, text, rule.hashable);
}

}  // namespace outrigger::format
