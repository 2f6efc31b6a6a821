// Fields that the answer of a service names, to be put into a head of ours. Worker's thread.
#pragma once
#include <optional>
#include "envoy/config/core/v3/base.pb.h"
#include "proxy/base/arena.h"
#include "proxy/http/h1_parser.h"

namespace outrigger::xds {

struct AnswerField {
  std::string_view name, value;  // name: lower case
};

/// In the arena. None: it can't be in a head, and the answer is none. `pseudo`: its name may begin with a colon.
inline std::optional<AnswerField> answer_field(const envoy::config::core::v3::HeaderValue& p, bool pseudo, Arena& arena) {
  const std::string_view name = p.key();
  const bool colon = pseudo && name.starts_with(':');
  if (!http::is_token(name.substr(colon ? 1 : 0)) || !http::can_be_value(p.value())) return {};
  return AnswerField{arena.lower_copy(name), arena.copy(p.value())};
}

}  // namespace outrigger::xds
