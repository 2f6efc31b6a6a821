// A header's lines as one, for those that look often and must not leave a copy in the stream's arena each time.
#pragma once
#include <string>
#include <string_view>
#include "proxy/http/header_map.h"

namespace outrigger::http {

/// All values of `lower` with "," between them, in `scratch` when there are several. Null data: there is none.
std::string_view joined(const HeaderMap& headers, std::string_view lower, std::string& scratch);

}  // namespace outrigger::http
