// The grpc-timeout header (gRPC over HTTP/2): digits and a unit. Pure.
#pragma once
#include <optional>
#include <string_view>
#include "proxy/base/arena.h"
#include "proxy/base/time.h"

namespace outrigger::http {

/// In whole milliseconds, rounded up. Nothing when it is not a timeout.
std::optional<Duration> parse_grpc_timeout(std::string_view text) noexcept;
/// In the smallest unit whose number has at most eight digits.
std::string_view format_grpc_timeout(Duration d, Arena& arena);

}  // namespace outrigger::http
