// What set_filter_state filters write: a value made from a format, under a key. Compiled on the main thread,
// immutable, shared by workers.
#pragma once
#include <string>
#include <vector>
#include "proxy/base/arena.h"
#include "proxy/format/formatter.h"
#include "proxy/http/connection_facts.h"

namespace outrigger::format {

struct FilterStateRule {
  std::string key;
  TextFormat value;
  http::StateTraits traits;
  bool skip_if_empty = false;
};

using FilterStateRules = std::vector<FilterStateRule>;

/// Into the filter state of the connection, in their order: a rule may read what one before it wrote. `bytes`: received so far.
void apply(const FilterStateRules& rules, TimePoint now, WallTime wall, http::ConnectionInfo& info, std::uint64_t bytes = 0);
/// Into that of a request, whose entries live in the arena. What the connection has under a key stays.
void apply(const FilterStateRules& rules, const Context& context, http::FilterState& state, Arena& arena);

}  // namespace outrigger::format
