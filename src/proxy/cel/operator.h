// %CEL(expression)% and %TYPED_CEL(expression)% of format strings: for format::set_expressions. Main thread.
#pragma once
#include <string_view>
#include "proxy/format/operator.h"

namespace outrigger::cel {

Result<format::Operator> make_operator(std::string_view text, bool typed, long length);

}  // namespace outrigger::cel
