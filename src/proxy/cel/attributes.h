// What expressions may ask of a stream or connection: request.path, connection.mtls, ... Pure; any worker.
#pragma once
#include <string_view>
#include "proxy/cel/value.h"
#include "proxy/format/formatter.h"

namespace outrigger::cel {

/// An error: there is no such value now.
using Attribute = Value (*)(const format::Context&);

/// Envoy's names of what has attributes: "request", "connection", "xds", ...
bool is_group(std::string_view name) noexcept;
/// Values by themselves: "filter_state".
Attribute find_variable(std::string_view name) noexcept;
/// Null: there is none of that name.
Attribute find_attribute(std::string_view group, std::string_view name) noexcept;
/// Envoy has it, and it is not implemented.
bool is_missing_here(std::string_view group, std::string_view name) noexcept;

}  // namespace outrigger::cel
