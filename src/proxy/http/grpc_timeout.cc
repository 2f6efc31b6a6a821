#include "proxy/http/grpc_timeout.h"

#include <algorithm>
#include <charconv>

namespace outrigger::http {

namespace {
constexpr std::int64_t kMax = 99999999;
}

std::optional<Duration> parse_grpc_timeout(std::string_view text) noexcept {
  if (text.size() < 2) return {};
  std::int64_t n = 0;
  const char* end = text.data() + text.size() - 1;
  const auto r = std::from_chars(text.data(), end, n);
  if (r.ec != std::errc{} || r.ptr != end || n < 0 || n > kMax) return {};
  using std::chrono::milliseconds;
  switch (text.back()) {
    case 'H': return std::chrono::hours(n);
    case 'M': return std::chrono::minutes(n);
    case 'S': return std::chrono::seconds(n);
    case 'm': return milliseconds(n);
    case 'u': return milliseconds((n + 999) / 1000);
    case 'n': return milliseconds((n + 999999) / 1000000);
    default: return {};
  }
}

std::string_view format_grpc_timeout(Duration d, Arena& arena) {
  std::int64_t n = d.count() / 1000;
  char unit = 'm';
  if (n > kMax) n /= 1000, unit = 'S';
  for (const char next : {'M', 'H'})
    if (n > kMax) n /= 60, unit = next;
  char text[24];
  char* end = std::to_chars(text, text + 20, std::min(n, kMax)).ptr;
  *end++ = unit;
  return arena.copy({text, static_cast<std::size_t>(end - text)});
}

}  // namespace outrigger::http
