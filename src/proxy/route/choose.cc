// Which cluster, and the hash of a request.
#include <xxhash.h>
#include <charconv>

#include "proxy/route/route.h"

namespace outrigger::route {

Chosen choose_cluster(const Route& r, const http::RequestHead& head, const MatchContext& c) noexcept {
  if (r.choice == Route::cluster_name) return {r.cluster, nullptr};
  if (r.choice == Route::cluster_header) return {head.get(r.cluster), nullptr};
  std::uint64_t total = r.total_weight, random = c.random;
  if (!r.weight_header.empty()) {
    const auto text = head.get(r.weight_header);
    std::uint64_t v = 0;
    if (!text.empty() && std::from_chars(text.data(), text.data() + text.size(), v).ec == std::errc{}) random = v;
  }
  const auto weight_of = [&](const ClusterWeight& w) -> std::uint64_t {
    return w.runtime_key.empty() || c.runtime == nullptr ? w.weight : c.runtime->integer(w.runtime_key, w.weight);
  };
  if (!r.weights_runtime_prefix.empty() && c.runtime != nullptr) {
    total = 0;
    for (const auto& w : r.weights) total += weight_of(w);
  }
  if (total == 0) return {};
  const std::uint64_t at = random % total;
  std::uint64_t end = 0;
  for (const auto& w : r.weights) {
    end += weight_of(w);
    if (at < end) return {w.cluster.empty() ? head.get(w.cluster_header) : std::string_view(w.cluster), &w};
  }
  return {};
}

namespace {

std::string_view cookie_value(const http::HeaderMap& h, std::string_view name) {
  for (std::size_t i = 0; i < h.size(); ++i) {
    if (h.id_at(i) != http::Name::cookie) continue;
    std::string_view all = h.at(i).value;
    while (!all.empty()) {
      const auto semi = all.find(';');
      auto pair = all.substr(0, semi);
      while (!pair.empty() && pair.front() == ' ') pair.remove_prefix(1);
      const auto eq = pair.find('=');
      if (eq != std::string_view::npos && pair.substr(0, eq) == name) {
        auto v = pair.substr(eq + 1);
        if (v.size() >= 2 && v.front() == '"' && v.back() == '"') v = v.substr(1, v.size() - 2);
        return v;
      }
      if (semi == std::string_view::npos) break;
      all.remove_prefix(semi + 1);
    }
  }
  return {};
}

std::uint64_t hash_text(std::string_view s) { return XXH64(s.data(), s.size(), 0); }

/// A new cookie: 16 hex digits, so that the next request hashes alike.
std::string_view make_cookie(const HashPolicy& p, Random& random, Arena& arena, std::string_view* set_cookie) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const std::uint64_t bits = random.next();
  char text[16];
  for (int i = 0; i < 16; ++i) text[i] = kDigits[bits >> (60 - 4 * i) & 15];
  const auto value = arena.copy({text, 16});
  char age[24];
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*p.cookie_ttl).count();
  const auto end = std::to_chars(age, age + 24, seconds).ptr;
  const std::string_view max_age =
      seconds > 0 ? arena.cat("; Max-Age=", std::string_view(age, static_cast<std::size_t>(end - age))) : "";
  const std::string_view path = p.cookie_path.empty() ? "" : arena.cat("; Path=", p.cookie_path);
  std::string_view attributes;
  for (const auto& [name, v] : p.cookie_attributes)
    attributes = v.empty() ? arena.cat(attributes, "; ", name) : arena.cat(attributes, "; ", name, "=", v);
  if (set_cookie != nullptr) *set_cookie = arena.cat(p.name, "=\"", value, "\"", max_age, path, attributes, "; HttpOnly");
  return value;
}

}  // namespace

std::optional<std::uint64_t> request_hash(const Route& r, const http::RequestHead& head, const http::StreamInfo& info,
                                          Random& random, Arena& arena, std::string_view* set_cookie) {
  std::optional<std::uint64_t> hash;
  for (const auto& p : r.hash) {
    std::optional<std::uint64_t> one;
    switch (p.kind) {
      case HashPolicy::header: {
        if (const auto* v = head.find(p.name)) {
          std::string_view text = *v;
          if (p.re != nullptr) text = regex_replace(*p.re, text, p.substitution, arena);
          one = hash_text(text);
        }
        break;
      }
      case HashPolicy::cookie: {
        auto v = cookie_value(head.headers, p.name);
        if (v.data() == nullptr && p.cookie_ttl) v = make_cookie(p, random, arena, set_cookie);
        if (v.data() != nullptr) one = hash_text(v);
        break;
      }
      case HashPolicy::source_ip:
        if (info.remote().is_ip()) one = hash_text(info.remote().ip_text());
        break;
      case HashPolicy::query_parameter: {
        const auto v = query_value(head.path, p.name);
        if (v.data() != nullptr) one = hash_text(v);
        break;
      }
      case HashPolicy::filter_state: break;
    }
    if (one) hash = hash ? ((*hash << 1) | (*hash >> 63)) ^ *one : *one;
    if (p.terminal && hash) break;
  }
  return hash;
}

}  // namespace outrigger::route
