// Durations and moments in text.
#include <charconv>

#include "proxy/cel/value.h"

namespace outrigger::cel {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};
// Longer names before those they begin with.
constexpr Unit kUnits[] = {{"ns", 1},           {"us", 1000},  {"ms", 1'000'000}, {"h", 3600 * kSecond},
                           {"m", 60 * kSecond}, {"s", kSecond}};

/// `digits` characters that are all digits; less than 0: they are not.
int two_or_four(std::string_view s, std::size_t at, std::size_t digits) noexcept {
  int n = 0;
  if (at + digits > s.size()) return -1;
  for (std::size_t i = at; i < at + digits; ++i) {
    if (s[i] < '0' || s[i] > '9') return -1;
    n = n * 10 + (s[i] - '0');
  }
  return n;
}

std::int64_t days_of(int y, int m, int d) noexcept {
  y -= m <= 2 ? 1 : 0;
  const std::int64_t era = y / 400;
  const std::int64_t of_era = y - era * 400;
  const std::int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool in(int v, int low, int high) noexcept { return v >= low && v <= high; }

/// "Z" or "+01:30", in seconds.
bool read_zone(std::string_view s, std::int64_t& offset) noexcept {
  offset = 0;
  if (s == "Z" || s == "z") return true;
  if (s.size() != 6 || (s[0] != '+' && s[0] != '-') || s[3] != ':') return false;
  const int h = two_or_four(s, 1, 2), m = two_or_four(s, 4, 2);
  offset = (s[0] == '-' ? -1 : 1) * (h * 3600 + m * 60);
  return in(h, 0, 23) && in(m, 0, 59);
}

/// ".5": nanoseconds, taken off `s`.
bool take_fraction(std::string_view& s, std::int64_t& nanoseconds) noexcept {
  nanoseconds = 0;
  if (!s.starts_with('.')) return true;
  s.remove_prefix(1);
  std::int64_t unit = kSecond / 10;
  std::size_t n = 0;
  for (; n < s.size() && s[n] >= '0' && s[n] <= '9'; ++n, unit /= 10) nanoseconds += (s[n] - '0') * unit;
  s.remove_prefix(n);
  return n > 0;
}

}  // namespace

Value to_duration(std::string_view s) noexcept {
  const bool negative = s.starts_with('-');
  if (negative || s.starts_with('+')) s.remove_prefix(1);
  if (s == "0") return Value::of_time(Kind::duration, 0);
  if (s.empty()) return {};
  long double all = 0;
  while (!s.empty()) {
    double n = 0;
    const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), n, std::chars_format::fixed);
    if (ec != std::errc{} || s[0] == '-') return {};
    s.remove_prefix(static_cast<std::size_t>(end - s.data()));
    const Unit* unit = nullptr;
    for (const auto& u : kUnits)
      if (unit == nullptr && s.starts_with(u.name)) unit = &u;
    if (unit == nullptr) return {};
    s.remove_prefix(unit->name.size());
    all += static_cast<long double>(n) * static_cast<long double>(unit->nanoseconds);
  }
  if (!(all < 0x1p63L)) return {};
  const auto v = static_cast<std::int64_t>(all);
  return Value::of_time(Kind::duration, negative ? -v : v);
}

Value to_timestamp(std::string_view s) noexcept {
  const int year = two_or_four(s, 0, 4), month = two_or_four(s, 5, 2), day = two_or_four(s, 8, 2);
  const int hour = two_or_four(s, 11, 2), minute = two_or_four(s, 14, 2), second = two_or_four(s, 17, 2);
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (s.size() < 20 || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != 't') || s[13] != ':' || s[16] != ':') return {};
  if (!in(year, 1, 9999) || !in(month, 1, 12) || !in(hour, 0, 23) || !in(minute, 0, 59) || !in(second, 0, 59)) return {};
  const bool leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (!in(day, 1, kDays[month - 1] + (leap ? 1 : 0))) return {};
  s.remove_prefix(19);
  std::int64_t fraction = 0, offset = 0, out = 0;
  if (!take_fraction(s, fraction) || !read_zone(s, offset)) return {};
  const std::int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
  if (__builtin_mul_overflow(seconds, kSecond, &out) || __builtin_add_overflow(out, fraction, &out)) return {};
  return Value::of_time(Kind::timestamp, out);
}

}  // namespace outrigger::cel
