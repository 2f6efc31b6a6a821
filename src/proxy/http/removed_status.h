// What a response's status is once a filter took it out. No status of a response reads like this.
#pragma once
#include <cstdint>

namespace outrigger::http {

inline constexpr std::uint16_t kRemovedStatus = 0xffff;

}  // namespace outrigger::http
