// What Envoy's API has and ours leaves out, one per line, sorted: "message field" and message names.
#pragma once
#include <string_view>

namespace outrigger::api {
std::string_view known_fields();
std::string_view known_extensions();
}  // namespace outrigger::api
