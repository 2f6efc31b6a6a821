// Cookies of the filter oauth2: those of a request, which are changed before it goes on, and texts of those that are set.
// Worker's thread.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/http/header_map.h"

namespace outrigger::filters {

/// All of a request, the first of each name, without their quotes. Texts live as long as the head's arena.
class RequestCookies {
 public:
  explicit RequestCookies(http::HeaderMap& headers);
  bool empty() const noexcept { return all_.empty(); }
  bool has(std::string_view name) const noexcept { return find(name) != nullptr; }
  /// Empty: there is none, or it is.
  std::string_view get(std::string_view name) const noexcept {
    const auto* c = find(name);
    return c == nullptr ? std::string_view{} : c->value;
  }
  /// "<name>.<suffix>", or when that isn't there or empty, "<name>".
  std::string_view get(std::string_view name, std::string_view suffix) const;
  void set(std::string_view name, std::string_view value);
  void erase(std::string_view name);
  /// And all with a suffix.
  void erase_family(std::string_view name);
  /// The names of a family.
  std::vector<std::string_view> family(std::string_view name) const;
  /// One header has them all, at the end; an empty one when there are none.
  void write();

 private:
  struct Cookie {
    std::string_view name, value;
  };
  void drop_repeated();
  const Cookie* find(std::string_view name) const noexcept;
  http::HeaderMap& headers_;
  std::vector<Cookie> all_;
};

/// Of a name and a flow.
std::string with_suffix(std::string_view name, std::string_view suffix);

struct CookieSettings {
  std::string name;
  std::string path = "/";
  std::string_view same_site{};  // ";SameSite=Lax" or such; empty: not told
  bool partitioned = false;
};
/// `domain`: empty, or ";domain=example.com".
std::string set_cookie(std::string_view name, std::string_view value, const CookieSettings& s, std::string_view domain,
                       std::string_view max_age);
/// `secure`: of a name that browsers take only with that attribute, it has it.
std::string delete_cookie(std::string_view name, const CookieSettings& s, std::string_view domain, bool secure);

}  // namespace outrigger::filters
