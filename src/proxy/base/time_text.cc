#include "proxy/base/time_text.h"

#include <cstdio>
#include <ctime>

namespace outrigger {

std::string time_text(WallTime t) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count();
  const std::time_t s = ms / 1000;
  std::tm tm;
  gmtime_r(&s, &tm);
  char text[64], tail[16];
  const auto n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
  std::snprintf(tail, sizeof tail, ".%03dZ", static_cast<int>(ms % 1000));
  return std::string(text, n) + tail;
}

}  // namespace outrigger
