// Is text UTF-8 (RFC 3629)? Pure.
#pragma once
#include <string_view>

namespace outrigger {

/// Without overlong forms, surrogates and what lies beyond U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

}  // namespace outrigger
