#include "filters/oauth2_chunks.h"

#include "proxy/base/numbers.h"

namespace outrigger::filters {

namespace {

std::string part_of(std::string_view name, std::string_view part) {
  std::string out(name);
  out += '_';
  out += part;
  return out;
}
std::string part_of(std::string_view name, unsigned i) { return part_of(name, std::to_string(i)); }

/// 0: there are not as many as it says, or it says nothing sensible.
unsigned whole_count(const RequestCookies& cookies, std::string_view name, std::string_view count) {
  const auto n = to_number<unsigned>(count);
  if (!n || *n < 2 || *n > kChunksMax) return 0;
  for (unsigned i = 0; i < *n; ++i)
    if (!cookies.has(part_of(name, i))) return 0;
  return *n;
}

}  // namespace

Joined join_chunks(RequestCookies& cookies, std::string_view name, HadCookies& had) {
  had.whole = cookies.has(name);
  const std::string count_name = part_of(name, "chunks");
  if (!cookies.has(count_name)) return Joined::nothing;
  const unsigned n = whole_count(cookies, name, cookies.get(count_name));
  had.chunks = n == 0 ? kChunksMax : n;
  std::string value;
  for (unsigned i = 0; i < n; ++i) value += cookies.get(part_of(name, i));
  for (unsigned i = 0; i < had.chunks; ++i) cookies.erase(part_of(name, i));
  cookies.erase(count_name);
  if (n == 0) return Joined::malformed;
  cookies.set(name, value);
  return Joined::joined;
}

void delete_chunks(const CookieSettings& s, std::string_view domain, const HadCookies& had, bool secure,
                   std::vector<std::string>& out) {
  if (had.chunks == 0) return;
  out.push_back(delete_cookie(part_of(s.name, "chunks"), s, domain, secure));
  for (unsigned i = 0; i < had.chunks; ++i) out.push_back(delete_cookie(part_of(s.name, i), s, domain, secure));
}

bool add_token_cookies(const CookieSettings& s, std::string_view value, std::string_view domain, std::string_view max_age,
                       const HadCookies& had, const ChunkLimits& limits, std::vector<std::string>& out, bool& split) {
  const auto set = [&](std::string_view name, std::string_view v) { return set_cookie(name, v, s, domain, max_age); };
  auto whole = set(s.name, value);
  if (value.empty() || limits.size_max == 0 || whole.size() <= limits.size_max) {
    if (value.empty() && had.whole) out.push_back(delete_cookie(s.name, s, domain, false));
    delete_chunks(s, domain, had, false, out);
    if (!value.empty()) out.push_back(std::move(whole));
    return true;
  }
  const std::size_t around = set(part_of(s.name, kChunksMax - 1), "").size();
  if (around >= limits.size_max) return false;
  const std::size_t piece = limits.size_max - around, count = (value.size() + piece - 1) / piece;
  if (count > limits.count_max) return false;
  split = true;
  if (had.whole) out.push_back(delete_cookie(s.name, s, domain, false));
  for (auto i = static_cast<unsigned>(count); i < had.chunks; ++i)
    out.push_back(delete_cookie(part_of(s.name, i), s, domain, false));
  for (unsigned i = 0; i < count; ++i) out.push_back(set(part_of(s.name, i), value.substr(i * piece, piece)));
  out.push_back(set(part_of(s.name, "chunks"), std::to_string(count)));
  return true;
}

}  // namespace outrigger::filters
