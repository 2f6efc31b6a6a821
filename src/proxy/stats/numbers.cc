#include "proxy/stats/numbers.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace outrigger::stats {

void append_number(std::string& out, std::uint64_t value) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

void append_double(std::string& out, double value) {
  char text[64];
  if (std::isnan(value)) {
    out += "nan";
    return;
  }
  const double size = std::fabs(value);
  const bool fixed = value == 0 || (size >= 1e-4 && size < 1e16);
  const auto format = fixed ? std::chars_format::fixed : std::chars_format::scientific;
  out.append(text, std::to_chars(text, text + sizeof text, value, format).ptr);
}

void append_json_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char text[64];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

void append_general(std::string& out, double value, int precision) {
  char text[64];
  const int size = std::snprintf(text, sizeof text, "%.*g", precision, value);
  out.append(text, static_cast<std::size_t>(size));
}

}  // namespace outrigger::stats
