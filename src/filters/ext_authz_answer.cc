// What an authorization service says, and what that does to the request and its response.
#include <algorithm>
#include <map>
#include <string>

#include "filters/ext_authz.h"

namespace outrigger::filters {

using Header = CheckAnswer::Header;

namespace {

constexpr std::string_view kToRemove = "x-envoy-auth-headers-to-remove";

bool is_pseudo_or_host(std::string_view name) noexcept { return name.starts_with(':') || name == "host"; }

std::string_view trimmed(std::string_view s) noexcept {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

void read_removals(const http::HeaderMap& headers, Arena& arena, CheckAnswer& out) {
  for (const auto& e : headers) {
    if (e.name != kToRemove) continue;
    for (auto list = e.value; !list.empty();) {
      const auto comma = std::min(list.find(','), list.size());
      if (const auto name = trimmed(list.substr(0, comma)); !name.empty()) out.remove.add(arena, arena.lower_copy(name));
      list.remove_prefix(std::min(comma + 1, list.size()));
    }
  }
}

/// To the first value that is there.
void join(const Header& h, http::HeaderMap& map) {
  for (std::size_t i = 0; i < map.size(); ++i) {
    auto& e = map.at(i);
    if (e.name != h.name) continue;
    e.value = map.arena().cat(e.value, ",", h.value);
    return;
  }
}

/// The parameters of a query, in the order of their names; each is written with its "=".
class Query {
 public:
  Query(std::string_view path, Arena& arena) : arena_(arena) {
    const auto at = std::min(path.find('?'), path.size());
    path_ = path.substr(0, at);
    for (auto rest = path.substr(std::min(at + 1, path.size())); !rest.empty();) {
      const auto pair = rest.substr(0, rest.find('&'));
      rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
      const auto eq = std::min(pair.find('='), pair.size());
      if (!pair.empty()) all_.emplace(pair.substr(0, eq), pair.substr(std::min(eq + 1, pair.size())));
    }
  }
  void set(std::string_view name, std::string_view value) {
    all_.erase(name);
    all_.emplace(name, value);
  }
  void remove(std::string_view name) { all_.erase(name); }
  std::string_view path() {
    std::string out(path_);
    char before = '?';
    for (const auto& [name, value] : all_) {
      out.append(1, before).append(name).append("=").append(value);
      before = '&';
    }
    return arena_.copy(out);
  }

 private:
  Arena& arena_;
  std::string_view path_;
  std::multimap<std::string_view, std::string_view> all_;
};

/// Of a request whose service changes what is no field of its map. True: it did.
bool put_pseudo(const Header& h, http::RequestHead& head) {
  std::string_view* const field = h.name == ":path"                            ? &head.path
                                  : h.name == ":method"                        ? &head.method
                                  : h.name == ":scheme"                        ? &head.scheme
                                  : h.name == ":authority" || h.name == "host" ? &head.authority
                                                                               : nullptr;
  if (field != nullptr && !h.value.empty()) *field = h.value;
  return field != nullptr || h.name.starts_with(':');
}

void put(const Header& h, http::HeaderMap& map) {
  const bool there = map.find(h.name) != nullptr;
  const bool replaces = h.action == Header::set || (h.action == Header::overwrite_if_exists && there);
  if (replaces) map.remove(h.name);
  if (h.action == Header::append && there) return join(h, map);
  if (replaces || h.action == Header::add || (h.action == Header::add_if_absent && !there)) map.add(h.name, h.value);
}

}  // namespace

void read_http_answer(const HttpAuthorization& config, const http::ResponseHead& head, const Buffer& body, Arena& arena,
                      CheckAnswer& out) {
  if (head.status / 100 == 5) return;
  const bool ok = head.status == 200;
  out.verdict = ok ? CheckAnswer::ok : CheckAnswer::denied;
  if (ok) read_removals(head.headers, arena, out);
  const auto takes = [](const NameFilter& f, std::string_view name) { return f && f(name); };
  for (const auto& e : head.headers) {
    if (e.name == kToRemove) continue;
    if (!ok) {
      if (config.to_client(e.name)) out.response.add(arena, {Header::add, e.name, e.value});
      continue;
    }
    if (takes(config.to_upstream, e.name)) out.request.add(arena, {Header::set, e.name, e.value});
    if (takes(config.to_upstream_append, e.name)) out.request.add(arena, {Header::add, e.name, e.value});
    if (takes(config.to_client_on_success, e.name)) out.response.add(arena, {Header::add, e.name, e.value});
    if (!takes(config.to_metadata, e.name)) continue;
    const auto one = MetadataValue::of(std::string(e.name), MetadataValue::of(e.value));
    Metadata all;
    all.merge("", out.metadata);
    all.merge("", one);
    out.metadata = *all.find("", {});
  }
  if (ok) return;
  out.status = head.status;
  out.body = flat(body, body.size(), arena);
}

MetadataValue duration_metadata(Duration took) {
  const auto ms = took.count() / 1000;
  MetadataValue value;
  value.kind = MetadataValue::number;
  value.n = static_cast<double>(ms);
  value.json = std::to_string(ms);
  return MetadataValue::of("ext_authz_duration", std::move(value));
}

bool apply_to_request(const CheckAnswer& a, http::RequestHead& head) {
  for (const auto action : {Header::set, Header::add, Header::append})
    for (const auto& h : a.request)
      if (h.action == action && !put_pseudo(h, head)) put(h, head.headers);
  for (const auto& name : a.remove)
    if (!is_pseudo_or_host(name)) head.headers.remove(name);
  const bool query = !a.query_set.empty() || !a.query_remove.empty();
  if (query) {
    Query q(head.path, head.headers.arena());
    for (const auto& p : a.query_set) q.set(p.name, p.value);
    for (const auto& name : a.query_remove) q.remove(name);
    head.path = q.path();
  }
  return query || !a.request.empty() || !a.remove.empty();
}

void apply_to_response(const Chain<Header>& headers, http::HeaderMap& map) {
  for (const auto action : {Header::add, Header::set, Header::add_if_absent, Header::overwrite_if_exists})
    for (const auto& h : headers)
      if (h.action == action && !h.name.starts_with(':')) put(h, map);
}

}  // namespace outrigger::filters
