// A pattern over a string. Immutable, pure, no allocation.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace outrigger::route {

struct StringMatcher {
  enum Kind : std::uint8_t { exact, prefix, suffix, contains, regex } kind = exact;
  std::string text;  // lower case when ignore_case
  bool ignore_case = false;
  std::shared_ptr<const re2::RE2> re;
  bool match(std::string_view s) const;
};

}  // namespace outrigger::route
