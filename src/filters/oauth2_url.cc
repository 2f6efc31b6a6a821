#include "filters/oauth2_url.h"

#include <algorithm>

#include "proxy/base/text.h"

namespace outrigger::filters {

namespace {

bool is_alpha(char c) noexcept { return lower(c) >= 'a' && lower(c) <= 'z'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_hex(char c) noexcept { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f'); }
bool one_of(char c, std::string_view list) noexcept { return list.find(c) != std::string_view::npos; }
bool is_user(char c) noexcept { return is_alpha(c) || is_digit(c) || one_of(c, "-_.!~*'()%;:&=+$,"); }
bool is_url(char c) noexcept { return c > ' ' && c < 0x7f; }

template <class F>
bool all(std::string_view s, F f) noexcept {
  return std::all_of(s.begin(), s.end(), f);
}

bool is_port(std::string_view s) noexcept {
  unsigned n = 0;
  for (const char c : s) {
    if (!is_digit(c)) return false;
    n = n * 10 + static_cast<unsigned>(c - '0');
    if (n > 65535) return false;
  }
  return !s.empty();
}

/// An address in brackets, with a zone perhaps; `end`: behind it.
bool take_ipv6(std::string_view s, std::size_t& end) noexcept {
  const auto close = s.find(']');
  if (close == std::string_view::npos) return false;
  const auto inside = s.substr(1, close - 1);
  const auto zone = inside.find('%');
  const auto address = inside.substr(0, zone);
  if (address.empty() || !all(address, [](char c) { return is_hex(c) || c == ':' || c == '.'; })) return false;
  if (zone != std::string_view::npos) {
    const auto name = inside.substr(zone + 1);
    if (name.empty() || !all(name, [](char c) { return is_alpha(c) || is_digit(c) || one_of(c, "%.-_~"); })) return false;
  }
  end = close + 1;
  return true;
}

/// The authority without a user's name.
bool take_host(std::string_view s, AbsoluteUrl& u) noexcept {
  std::size_t end = 0;
  if (s.starts_with('[')) {
    if (!take_ipv6(s, end)) return false;
    u.host = s.substr(1, end - 2);
  } else {
    end = std::min(s.find(':'), s.size());
    u.host = s.substr(0, end);
    if (u.host.empty() || !all(u.host, [](char c) { return is_alpha(c) || is_digit(c) || one_of(c, ".-_"); })) return false;
  }
  u.host_and_port = s;
  return end == s.size() || (s[end] == ':' && is_port(s.substr(end + 1)));
}

void append_percent(char c, std::string& out) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  const auto u = static_cast<unsigned char>(c);
  out += '%';
  out += kDigits[u >> 4];
  out += kDigits[u & 15];
}

}  // namespace

std::optional<AbsoluteUrl> parse_absolute_url(std::string_view text) {
  const auto colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) return {};
  AbsoluteUrl u;
  u.scheme = text.substr(0, colon);
  if (!all(u.scheme, is_alpha)) return {};
  const auto rest = text.substr(colon + 3);
  const auto end = std::min(rest.find_first_of("/?"), rest.size());
  auto authority = rest.substr(0, end);
  u.path = rest.substr(end);
  if (!all(u.path, is_url)) return {};
  if (u.path.empty()) u.path = "/";
  if (const auto at = authority.find('@'); at != std::string_view::npos) {
    if (!all(authority.substr(0, at), is_user)) return {};
    authority.remove_prefix(at + 1);
  }
  if (!take_host(authority, u)) return {};
  return u;
}

bool is_allowed_domain(std::string_view url, const std::vector<std::string>& domains) {
  if (domains.empty()) return true;
  const auto u = parse_absolute_url(url);
  if (!u) return false;
  for (const std::string_view d : domains) {
    if (!d.starts_with("*.")) {
      if (iequals(u->host, d)) return true;
    } else if (const auto suffix = d.substr(1); u->host.size() > suffix.size() && u->host.ends_with(suffix)) {
      return true;
    }
  }
  return false;
}

std::string url_encode(std::string_view text) {
  std::string out;
  for (const char c : text) is_alpha(c) || is_digit(c) || one_of(c, "-_.~") ? void(out += c) : append_percent(c, out);
  return out;
}

std::string form_encode(std::string_view text) {
  std::string out;
  for (const char c : text) c >= ' ' && c < '~' && !one_of(c, ":/=&?+") ? void(out += c) : append_percent(c, out);
  return out;
}

std::vector<RawParameter> raw_query(std::string_view path) {
  std::vector<RawParameter> out;
  const auto question = path.find('?');
  if (question == std::string_view::npos) return out;
  path.remove_prefix(question + 1);
  while (!path.empty()) {
    const auto end = std::min(path.find('&'), path.size());
    const auto one = path.substr(0, end);
    const auto equals = std::min(one.find('='), one.size());
    out.push_back({std::string(one.substr(0, equals)), std::string(one.substr(std::min(equals + 1, one.size())))});
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return out;
}

const std::string* find_parameter(const std::vector<RawParameter>& list, std::string_view key) {
  for (const auto& p : list)
    if (p.key == key) return &p.value;
  return nullptr;
}

void overwrite_parameter(std::vector<RawParameter>& list, std::string_view key, std::string_view value) {
  std::erase_if(list, [&](const RawParameter& p) { return p.key == key; });
  list.push_back({std::string(key), std::string(value)});
}

std::string query_text(std::vector<RawParameter> list) {
  std::stable_sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  std::string out;
  for (const auto& p : list) {
    out += out.empty() ? '?' : '&';
    out += p.key;
    out += '=';
    out += p.value;
  }
  return out;
}

}  // namespace outrigger::filters
