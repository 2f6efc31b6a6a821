#include "filters/oauth2_cookies.h"

#include <algorithm>
#include <numeric>

namespace outrigger::filters {

using http::Name;

namespace {

/// Blanks behind a value belong to it, and tabs do anywhere.
std::string_view without_blanks(std::string_view s) noexcept {
  return s.substr(std::min(s.find_first_not_of(' '), s.size()));
}

std::string_view unquoted(std::string_view s) noexcept {
  return s.size() >= 2 && s.front() == '"' && s.back() == '"' ? s.substr(1, s.size() - 2) : s;
}

bool is_of_family(std::string_view cookie, std::string_view name) noexcept {
  return cookie.starts_with(name) && (cookie.size() == name.size() || cookie[name.size()] == '.');
}

}  // namespace

RequestCookies::RequestCookies(http::HeaderMap& headers) : headers_(headers) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (headers.id_at(i) != Name::cookie) continue;
    for (auto rest = headers.at(i).value; !rest.empty();) {
      const auto semicolon = std::min(rest.find(';'), rest.size());
      const auto pair = without_blanks(rest.substr(0, semicolon));
      rest.remove_prefix(std::min(semicolon + 1, rest.size()));
      const auto equals = pair.find('=');
      if (equals != std::string_view::npos) all_.push_back({pair.substr(0, equals), unquoted(pair.substr(equals + 1))});
    }
  }
  drop_repeated();
}

/// In little time, however many a client sends.
void RequestCookies::drop_repeated() {
  std::vector<std::size_t> order(all_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return all_[a].name < all_[b].name; });
  std::vector<bool> repeated(all_.size());
  for (std::size_t i = 1; i < order.size(); ++i) repeated[order[i]] = all_[order[i]].name == all_[order[i - 1]].name;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < all_.size(); ++i)
    if (!repeated[i]) all_[kept++] = all_[i];
  all_.resize(kept);
}

const RequestCookies::Cookie* RequestCookies::find(std::string_view name) const noexcept {
  const auto at = std::find_if(all_.begin(), all_.end(), [&](const Cookie& c) { return c.name == name; });
  return at == all_.end() ? nullptr : &*at;
}

std::string_view RequestCookies::get(std::string_view name, std::string_view suffix) const {
  const auto own = get(with_suffix(name, suffix));
  return own.empty() ? get(name) : own;
}

void RequestCookies::set(std::string_view name, std::string_view value) {
  const auto copy = headers_.arena().copy(value);
  for (auto& c : all_)
    if (c.name == name) return void(c.value = copy);
  all_.push_back({headers_.arena().copy(name), copy});
}

void RequestCookies::erase(std::string_view name) {
  std::erase_if(all_, [&](const Cookie& c) { return c.name == name; });
}

void RequestCookies::erase_family(std::string_view name) {
  std::erase_if(all_, [&](const Cookie& c) { return is_of_family(c.name, name); });
}

std::vector<std::string_view> RequestCookies::family(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const auto& c : all_)
    if (is_of_family(c.name, name)) out.push_back(c.name);
  return out;
}

void RequestCookies::write() {
  std::string out;
  for (const auto& c : all_) {
    if (!out.empty()) out += "; ";
    out.append(c.name) += '=';
    out += c.value;
  }
  headers_.remove(Name::cookie);
  headers_.add(Name::cookie, headers_.arena().copy(out));
}

std::string with_suffix(std::string_view name, std::string_view suffix) {
  std::string out(name);
  out += '.';
  out += suffix;
  return out;
}

std::string set_cookie(std::string_view name, std::string_view value, const CookieSettings& s, std::string_view domain,
                       std::string_view max_age) {
  std::string out(name);
  out += '=';
  for (const auto part : {value, domain, std::string_view(";path="), std::string_view(s.path), std::string_view(";Max-Age="),
                          max_age, std::string_view(";secure;HttpOnly"), s.same_site})
    out += part;
  if (s.partitioned) out += ";Partitioned";
  return out;
}

std::string delete_cookie(std::string_view name, const CookieSettings& s, std::string_view domain, bool secure) {
  std::string out(name);
  out += "=deleted; path=" + s.path + "; expires=Thu, 01 Jan 1970 00:00:00 GMT";
  out += domain;
  if (secure && (name.starts_with("__Secure-") || name.starts_with("__Host-"))) out += "; Secure";
  return out;
}

}  // namespace outrigger::filters
