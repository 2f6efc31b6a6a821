#include <ctime>

#include "proxy/format/operator.h"

namespace outrigger::format {

namespace {
void append_strftime(const std::tm& tm, const std::string& format, std::string& out) {
  if (format.empty()) return;
  char text[256];
  out.append(text, std::strftime(text, sizeof text, format.c_str(), &tm));
}
void append_digits(std::uint64_t nanos, int digits, std::string& out) {
  std::string all = std::to_string(1000000000 + nanos).substr(1);
  while (digits > 9) {
    all += '0';
    --digits;
  }
  out.append(all, 0, static_cast<std::size_t>(digits));
}
}  // namespace

void append_time(WallTime t, std::string_view format, bool local, std::string& out) {
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch()).count();
  const std::time_t seconds = since / 1000000000;
  const auto nanos = static_cast<std::uint64_t>(since % 1000000000);
  std::tm tm;
  if (local)
    localtime_r(&seconds, &tm);
  else
    gmtime_r(&seconds, &tm);
  std::string plain;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 >= format.size()) {
      plain += format[i];
      continue;
    }
    const char n = format[i + 1];
    int digits = 0;
    std::size_t used = 0;
    if (n == 'f')
      digits = 9, used = 2;
    else if (n >= '1' && n <= '9' && i + 2 < format.size() && format[i + 2] == 'f')
      digits = n - '0', used = 3;
    const bool extended = n == 'E' && i + 3 < format.size() && format[i + 2] >= '1' && format[i + 2] <= '9';
    if (extended && (format[i + 3] == 'S' || format[i + 3] == 'f')) {
      plain += format[i + 3] == 'S' ? "%S." : "";
      digits = format[i + 2] - '0', used = 4;
    }
    if (used == 0 && n == 's') {  // seconds since the epoch
      append_strftime(tm, plain, out);
      plain.clear();
      out += std::to_string(seconds);
      ++i;
      continue;
    }
    if (used == 0) {
      plain += '%';
      plain += n;
      ++i;
      continue;
    }
    append_strftime(tm, plain, out);
    plain.clear();
    append_digits(nanos, digits, out);
    i += used - 1;
  }
  append_strftime(tm, plain, out);
}

}  // namespace outrigger::format
