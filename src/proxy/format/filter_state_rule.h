// What set_filter_state filters write: a value made from a format, under a key. Compiled on the main thread,
// immutable, shared by workers.
#pragma once
#include <string>
#include <vector>
#include "proxy/format/formatter.h"
#include "proxy/http/connection_facts.h"

namespace outrigger::format {

struct FilterStateRule {
  std::string key;
  TextFormat value;
  bool hashable = false;
  bool skip_if_empty = false;
};

/// Into the filter state of the connection, in their order: a rule may read what one before it wrote.
void apply(const std::vector<FilterStateRule>& rules, TimePoint now, WallTime wall, http::ConnectionInfo& info);

}  // namespace outrigger::format
