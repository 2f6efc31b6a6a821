// Reads JSON that comes from the network (tokens, sets of keys): strictly, with a bound on its depth. Pure.
#pragma once
#include <optional>
#include <string_view>
#include "proxy/base/metadata.h"

namespace outrigger {

/// An object, with nothing but white space around it (RFC 8259). None: it is something else, is nested too deeply, has a name
/// twice in one object, text that is not UTF-8, or a number that does not fit.
std::optional<MetadataValue> parse_json_object(std::string_view text);

}  // namespace outrigger
