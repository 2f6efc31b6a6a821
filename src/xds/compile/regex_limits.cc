#include "xds/compile/regex_limits.h"

#include <limits>
#include <utility>
#include <vector>

namespace outrigger::xds {

namespace {
constexpr std::uint32_t kErrorLevel = 100, kNone = std::numeric_limits<std::uint32_t>::max();

std::vector<const RegexLimits*>& living() {
  thread_local std::vector<const RegexLimits*> all;
  return all;
}
}  // namespace

RegexLimits::RegexLimits(Runtime runtime) : runtime_(std::move(runtime)) { living().push_back(this); }
RegexLimits::~RegexLimits() { std::erase(living(), this); }

RegexLimits::Levels RegexLimits::now() {
  if (living().empty()) return {kNone, kNone};
  const auto& runtime = living().back()->runtime_;
  const auto level = [&](std::string_view key, std::uint32_t fallback) {
    return static_cast<std::uint32_t>(runtime(key, fallback));  // what does not fit is cut, as in Envoy
  };
  return {level("re2.max_program_size.error_level", kErrorLevel), level("re2.max_program_size.warn_level", kNone)};
}

}  // namespace outrigger::xds
