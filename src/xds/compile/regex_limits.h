// How large the program of a regular expression that stands in a config may be. Main thread; there is one runtime in a
// process, so what it says needs not be handed through all that compiles.
#pragma once
#include <cstdint>
#include <functional>
#include <string_view>

namespace outrigger::xds {

/// While it lives, what is compiled in this thread is held to what that runtime says at the time; to that of the youngest,
/// when there are several. Without one there is no limit, as in Envoy before there is a runtime.
class RegexLimits {
 public:
  /// A number of the runtime, or the fallback.
  using Runtime = std::function<std::uint64_t(std::string_view key, std::uint64_t fallback)>;
  explicit RegexLimits(Runtime runtime);
  ~RegexLimits();
  RegexLimits(const RegexLimits&) = delete;
  RegexLimits& operator=(const RegexLimits&) = delete;

  struct Levels {
    std::uint32_t error, warn;
  };
  static Levels now();

 private:
  const Runtime runtime_;
};

}  // namespace outrigger::xds
