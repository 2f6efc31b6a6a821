// Query parameters by their decoded names. Pure; what has to be made is in the arena.
#pragma once
#include <string_view>
#include "proxy/base/arena.h"

namespace outrigger::route {

/// The first value of a parameter, decoded; null data when absent.
std::string_view decoded_query_value(std::string_view path, std::string_view name, Arena& arena);
/// The path without that parameter; the others are as they were.
std::string_view without_query_parameter(std::string_view path, std::string_view name, Arena& arena);

}  // namespace outrigger::route
