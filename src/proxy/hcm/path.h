// Path normalisation as the connection manager does it before routing (RFC 3986, 5.2.4 and 6.2.2).
// Pure; new strings go to the arena.
#pragma once
#include <string_view>
#include "proxy/base/arena.h"
#include "proxy/hcm/config.h"

namespace outrigger::hcm {

enum class PathResult : std::uint8_t { unchanged, changed, rejected, redirect };

/// `path` (with query) is replaced when changed; with redirect it is the location to send.
PathResult normalize_path(const Config& c, std::string_view& path, Arena& arena);

/// Resolves dot segments, decodes %XX of unreserved characters, '\' becomes '/'. False: not a path.
bool canonical_path(std::string_view& path, Arena& arena);
void merge_slashes(std::string_view& path, Arena& arena);

}  // namespace outrigger::hcm
