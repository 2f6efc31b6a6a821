// Which cluster, and the hash of a request.
#include <xxhash.h>
#include <algorithm>
#include <charconv>

#include "proxy/base/numbers.h"
#include "proxy/route/route.h"

namespace outrigger::route {

namespace {
/// The value of a header that stands in one line and is a number.
std::optional<std::uint64_t> single_number(const http::RequestHead& head, std::string_view name) {
  const auto* text = head.find(name);
  const auto is_it = [&](const http::HeaderMap::Entry& e) { return e.name == name; };
  if (text == nullptr || std::count_if(head.headers.begin(), head.headers.end(), is_it) > 1) return {};
  return to_number<std::uint64_t>(*text);
}
}  // namespace

Chosen choose_cluster(const Route& r, const http::RequestHead& head, const MatchContext& c) {
  if (r.choice == Route::cluster_name) return {r.cluster, nullptr};
  if (r.choice == Route::cluster_header) return {head.get(r.cluster), nullptr};
  const WeightedClusters& weighted = *r.weights;
  std::uint64_t total = weighted.total_weight, random = c.random;
  if (weighted.by_hash && c.info != nullptr)
    if (const auto hash = request_hash(r, head, *c.info, head.headers.arena(), nullptr)) random = *hash;
  if (!weighted.header.empty())
    if (const auto v = single_number(head, weighted.header)) random = *v;
  const auto weight_of = [&](const ClusterWeight& w) -> std::uint64_t {
    return w.runtime_key.empty() || c.runtime == nullptr ? w.weight : c.runtime->integer(w.runtime_key, w.weight);
  };
  if (!weighted.runtime_prefix.empty() && c.runtime != nullptr) {
    total = 0;
    for (const auto& w : weighted.all) total += weight_of(w);
  }
  if (total == 0) return {};
  const std::uint64_t at = random % total;
  std::uint64_t end = 0;
  for (const auto& w : weighted.all) {
    end += weight_of(w);
    if (at < end) return {w.cluster.empty() ? head.get(w.cluster_header) : std::string_view(w.cluster), &w};
  }
  return {};
}

namespace {

std::uint64_t hash_text(std::string_view s) { return XXH64(s.data(), s.size(), 0); }

/// A new cookie, the same for all requests of a connection that have none: 16 hex digits.
std::string_view make_cookie(const HashPolicy& p, const http::StreamInfo& info, Arena& arena, NewCookies& made) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const std::uint64_t bits = hash_text(arena.cat(info.remote().text(), info.connection->local.text()));
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
  made.add(arena.cat(p.name, "=\"", value, "\"", max_age, path, attributes, "; HttpOnly"), arena);
  return value;
}

/// Of all its lines, in whatever order they came: each is hashed over the hash of those before it.
std::optional<std::uint64_t> hash_header(const HashPolicy& p, const http::RequestHead& head, Arena& arena) {
  const auto* first = head.find(p.name);
  if (first == nullptr) return {};
  const auto rewritten = [&](std::string_view v) { return p.re == nullptr ? v : regex_replace(*p.re, v, p.substitution, arena); };
  const auto is_it = [&](const http::HeaderMap::Entry& e) { return e.name == p.name; };
  const auto lines = static_cast<std::size_t>(std::count_if(head.headers.begin(), head.headers.end(), is_it));
  if (lines < 2) return hash_text(rewritten(*first));
  auto* values = static_cast<std::string_view*>(arena.allocate(lines * sizeof(std::string_view), alignof(std::string_view)));
  std::size_t n = 0;
  for (const auto& e : head.headers)
    if (is_it(e)) values[n++] = rewritten(e.value);
  std::sort(values, values + n);
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < n; ++i) hash = XXH64(values[i].data(), values[i].size(), hash);
  return hash;
}

}  // namespace

std::optional<std::uint64_t> request_hash(const Route& r, const http::RequestHead& head, const http::StreamInfo& info,
                                          Arena& arena, NewCookies* made) {
  std::optional<std::uint64_t> hash;
  for (const auto& p : r.hash) {
    std::optional<std::uint64_t> one;
    switch (p.kind) {
      case HashPolicy::header: one = hash_header(p, head, arena); break;
      case HashPolicy::cookie: {
        auto v = cookie_value(head.headers, p.name);
        if (v.data() == nullptr && p.cookie_ttl && made != nullptr) v = make_cookie(p, info, arena, *made);
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
      case HashPolicy::filter_state:
        if (const auto* e = info.filter_state.find(p.name); e != nullptr && e->hashable) one = hash_text(e->value);
        break;
    }
    if (one) hash = hash ? ((*hash << 1) | (*hash >> 63)) ^ *one : *one;
    if (p.terminal && hash) break;
  }
  return hash;
}

}  // namespace outrigger::route
