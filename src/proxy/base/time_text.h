// Times as pages show them. Any thread.
#pragma once
#include <string>
#include "proxy/base/time.h"

namespace outrigger {

/// "2026-01-02T03:04:05.678Z"
std::string time_text(WallTime t);
/// The same; empty: never.
inline std::string when(WallTime t) { return t == WallTime{} ? std::string() : time_text(t); }

}  // namespace outrigger
