// Where a request has tokens; audiences; the cache of tokens.
#include <algorithm>

#include "filters/jwt_authn.h"
#include "proxy/route/matcher.h"
#include "proxy/route/query.h"

namespace outrigger::filters {

namespace {

constexpr std::string_view kTokenCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

/// Behind the prefix, wherever that is; null data: there is none.
std::string_view behind(std::string_view value, std::string_view prefix) noexcept {
  if (prefix.empty()) return value;
  const auto at = value.find(prefix);
  if (at == std::string_view::npos) return {};
  const auto begin = value.find_first_of(kTokenCharacters, at + prefix.size());
  return begin == std::string_view::npos ? value : value.substr(begin);
}

}  // namespace

std::string_view Audiences::plain(std::string_view a) noexcept {
  for (const std::string_view scheme : {"http://", "https://"})
    if (a.starts_with(scheme)) {
      a.remove_prefix(scheme.size());
      break;
    }
  if (a.ends_with('/')) a.remove_suffix(1);
  return a;
}

bool Audiences::allow(const std::vector<std::string_view>& of_token) const {
  return all_.empty() || std::any_of(of_token.begin(), of_token.end(), [&](auto a) { return all_.find(plain(a)) != all_.end(); });
}

const Jwt* JwtCache::find(std::string_view token, std::uint64_t now) {
  const auto at = by_text_.find(token);
  if (at == by_text_.end()) return nullptr;
  const Jwt& jwt = **at->second;
  if (jwt.exp != 0 && now > jwt.exp) {
    const auto gone = at->second;
    by_text_.erase(at);
    all_.erase(gone);
    return nullptr;
  }
  all_.splice(all_.begin(), all_, at->second);
  return &jwt;
}

void JwtCache::put(std::unique_ptr<const Jwt> jwt) {
  if (jwt->text.size() > token_max_ || max_ == 0 || by_text_.contains(jwt->text)) return;
  if (all_.size() == max_) {
    by_text_.erase(all_.back()->text);
    all_.pop_back();
  }
  all_.push_front(std::move(jwt));
  by_text_.emplace(all_.front()->text, all_.begin());
}

void JwtLocations::add(const JwtProvider& p) {
  const auto note = [&](Issuers& issuers) {
    if (p.issuer.empty())
      issuers.any = true;
    else
      issuers.all.insert(p.issuer);
  };
  const auto header = [&](const std::string& name, const std::string& prefix) {
    auto& h = headers_[name + prefix];
    h.name = name;
    h.prefix = prefix;
    note(h.issuers);
  };
  for (const auto& h : p.headers) header(h.name, h.prefix);
  for (const auto& name : p.params) note(params_[name]);
  for (const auto& name : p.cookies) note(cookies_[name]);
  if (!p.headers.empty() || !p.params.empty() || !p.cookies.empty()) return;
  header("authorization", "Bearer ");
  note(params_["access_token"]);
}

const JwtLocations::Found* JwtLocations::find(const http::RequestHead& head, Arena& arena, std::size_t& count) const {
  const std::size_t most = headers_.size() * head.headers.size() + params_.size() + cookies_.size();
  auto* all = static_cast<Found*>(arena.allocate(most * sizeof(Found), alignof(Found)));
  count = 0;
  for (const auto& [key, h] : headers_)
    for (const auto& e : head.headers) {
      if (e.name != h.name) continue;
      const auto token = behind(e.value, h.prefix);
      if (token.data() != nullptr) new (&all[count++]) Found{token, &h.issuers, h.name, {}};
    }
  for (const auto& [name, issuers] : params_) {
    const auto token = route::decoded_query_value(head.path, name, arena);
    if (token.data() != nullptr) new (&all[count++]) Found{token, &issuers, {}, name};
  }
  for (const auto& [name, issuers] : cookies_) {
    const auto token = route::cookie_value(head.headers, name);
    if (token.data() != nullptr) new (&all[count++]) Found{token, &issuers, {}, {}};
  }
  return all;
}

}  // namespace outrigger::filters
