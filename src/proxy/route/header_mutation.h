// Header mutations of routes: adds with an append action, removes; values are formats. Immutable,
// shared by workers; order of execution is Envoy's: removes, then adds.
#pragma once
#include <memory>
#include <string>
#include <vector>
#include "proxy/format/formatter.h"
#include "proxy/http/message.h"
#include "proxy/route/string_matcher.h"

namespace outrigger::route {

struct HeaderAdd {
  enum Action : std::uint8_t { append_or_add, add_if_absent, overwrite_or_add, overwrite_if_exists } action = append_or_add;
  std::string name;  // lower case; neither "host" nor a pseudo-header
  format::TextFormat value;
  bool keep_empty = false;
};

struct HeaderMutations {
  std::vector<HeaderAdd> add;
  std::vector<std::string> remove;  // lower case
  bool empty() const noexcept { return add.empty() && remove.empty(); }
  void apply(http::HeaderMap& headers, const format::Context& c) const;
};

/// envoy.config.common.mutation_rules.v3.HeaderMutation, in the order given.
struct HeaderMutationStep {
  enum Kind : std::uint8_t { add, remove, remove_on_match } kind = add;
  HeaderAdd value;
  std::string name;  // to remove, lower case
  StringMatcher match;
};
using HeaderMutationSteps = std::vector<HeaderMutationStep>;
void apply(const HeaderMutationSteps& steps, http::HeaderMap& headers, const format::Context& c);
/// Of a head: what begins with ':' and the host can be removed, too. Then it is null; a status is 0.
void apply(const HeaderMutationSteps& steps, http::RequestHead& head, const format::Context& c);
void apply(const HeaderMutationSteps& steps, http::ResponseHead& head, const format::Context& c);

}  // namespace outrigger::route
