#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/route/route.h"

namespace outrigger::route {

namespace {
constexpr std::size_t kHostMax = 512;

/// The host in lower case in `room`, without its port when asked; unchanged when it is too long.
std::string_view lower_host(std::string_view host, bool strip_port, char* room) {
  if (strip_port) {
    const auto colon = host.rfind(':');
    if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) host = host.substr(0, colon);
  }
  if (host.size() > kHostMax) return host;
  std::transform(host.begin(), host.end(), room, lower);
  return {room, host.size()};
}

using Bucket = std::pair<std::size_t, std::unordered_map<std::string_view, const VirtualHost*>>;
bool put(std::vector<Bucket>& buckets, std::string_view key, const VirtualHost* vh) {
  auto at = std::find_if(buckets.begin(), buckets.end(), [&](const Bucket& b) { return b.first <= key.size(); });
  if (at == buckets.end() || at->first != key.size()) at = buckets.insert(at, {key.size(), {}});
  return at->second.emplace(key, vh).second;
}
/// One that is new.
void prepare(VirtualHost& vh, const std::shared_ptr<const RouteLevel>& level) {
  if (vh.level != nullptr) return;
  vh.level = level;
  for (auto& r : vh.routes) r.vhost = &vh;
  for (auto& d : vh.domains) std::transform(d.begin(), d.end(), d.begin(), lower);
}
}  // namespace

Result<void> RouteConfig::index() {
  for (auto& vh : vhosts) {
    prepare(*vh, level);
    for (const auto& d : vh->domains) {
      const std::string_view s = d;
      bool fresh = true;
      if (s == "*") {
        fresh = any_ == nullptr;
        any_ = vh.get();
        if (!fresh) return invalid("Only a single wildcard domain is permitted in route " + name);
      } else if (s.starts_with('*')) {
        fresh = put(suffix_, s.substr(1), vh.get());
      } else if (s.ends_with('*')) {
        fresh = put(prefix_, s.substr(0, s.size() - 1), vh.get());
      } else {
        fresh = exact_.emplace(s, vh.get()).second;
      }
      if (!fresh)
        return invalid("Only unique values for domains are permitted. Duplicate entry of domain " + d + " in route " + name);
    }
  }
  return {};
}

const VirtualHost* RouteConfig::find_vhost(const http::RequestHead& head) const noexcept {
  if (exact_.empty() && suffix_.empty() && prefix_.empty()) return any_;
  std::string_view host = head.authority;
  if (!vhost_header.empty()) {
    const auto* value = head.find(vhost_header);
    if (value == nullptr) return nullptr;
    host = *value;
  }
  char room[kHostMax];
  host = lower_host(host, ignore_port_in_host_matching, room);
  if (const auto at = exact_.find(host); at != exact_.end()) return at->second;
  for (const auto& [size, map] : suffix_) {
    if (host.size() <= size) continue;  // "*.x" needs something before it
    if (const auto at = map.find(host.substr(host.size() - size)); at != map.end()) return at->second;
  }
  for (const auto& [size, map] : prefix_) {
    if (host.size() <= size) continue;
    if (const auto at = map.find(host.substr(0, size)); at != map.end()) return at->second;
  }
  return any_;
}

const Route* RouteConfig::match(const http::RequestHead& head, const MatchContext& c) const noexcept {
  const VirtualHost* vh = find_vhost(head);
  return vh == nullptr ? nullptr : match_in(*vh, head, c);
}

const Route* RouteConfig::match_in(const VirtualHost& vh, const http::RequestHead& head, const MatchContext& c) const noexcept {
  for (const Route& r : vh.routes)
    if (r.match.match(head, c)) return &r;
  return nullptr;
}

}  // namespace outrigger::route
