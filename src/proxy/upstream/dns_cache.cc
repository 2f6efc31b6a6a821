#include "proxy/upstream/dns_cache.h"

#include "proxy/base/numbers.h"

namespace outrigger::upstream {

using stats::DnsCacheStat;

/// What one thread sees. Keys are the hosts' own strings.
struct DnsCache::View {
  Parking waiting;
  std::unordered_map<std::string_view, ResolvedHostPtr> hosts;
};

DnsCache::DnsCache(DnsCacheConfig config, stats::BlockHandle stats, stats::LeasePtr lease, std::size_t threads, Ask ask)
    : config_(std::move(config)), stats_(stats), lease_(std::move(lease)), ask_(std::move(ask)) {
  pending_max.store(config_.pending_max, std::memory_order_relaxed);
  for (std::size_t i = 0; i < threads; ++i) views_.push_back(std::make_unique<View>());
}
DnsCache::~DnsCache() = default;

DnsCache::View& DnsCache::view(std::size_t thread) const { return *views_[thread]; }

bool DnsCache::take_place(stats::Cells& cells) noexcept {
  const auto max = pending_max.load(std::memory_order_relaxed);
  const auto before = pending_.fetch_add(1, std::memory_order_relaxed);
  if (before < max) {
    cells.gauge_add(stats_, DnsCacheStat::circuit_breakers_rq_pending_remaining, -1);
    if (before + 1 == max) cells.gauge_add(stats_, DnsCacheStat::circuit_breakers_rq_pending_open, 1);
    return true;
  }
  pending_.fetch_sub(1, std::memory_order_relaxed);
  cells.add(stats_, DnsCacheStat::dns_rq_pending_overflow);
  return false;
}

void DnsCache::give_back_place(stats::Cells& cells) noexcept {
  const auto before = pending_.fetch_sub(1, std::memory_order_relaxed);
  cells.gauge_add(stats_, DnsCacheStat::circuit_breakers_rq_pending_remaining, 1);
  if (before == pending_max.load(std::memory_order_relaxed))
    cells.gauge_add(stats_, DnsCacheStat::circuit_breakers_rq_pending_open, -1);
}

namespace {
/// Of hosts that are too long to be kept.
ResolvedHostPtr too_long() {
  static const auto host = [] {
    auto h = std::make_shared<ResolvedHost>();
    h->details = "dns_resolution_failure{cares_failure:Misformatted_domain_name}";
    h->failed = true;
    return ResolvedHostPtr(h);
  }();
  return host;
}
}  // namespace

DnsCache::Found DnsCache::find(std::size_t thread, std::string_view host, Parked& p, ResolvedHostPtr& out, stats::Cells& cells) {
  View& v = view(thread);
  if (host.size() > kHostBytesMax) {
    out = too_long();
    return Found::here;
  }
  const auto at = v.hosts.find(host);
  if (at != v.hosts.end() && (config_.refresh_failed || !at->second->failed)) {
    out = at->second;
    return Found::here;
  }
  const auto place = hosts.load(std::memory_order_relaxed) >= config_.hosts_max ? Parking::Place::full : v.waiting.park(host, p);
  if (place == Parking::Place::full) {
    cells.add(stats_, DnsCacheStat::host_overflow);
    return Found::full;
  }
  if (place == Parking::Place::first) ask_(host);
  return Found::waits;
}

ResolvedHostPtr DnsCache::known(std::size_t thread, std::string_view host) const {
  const View& v = view(thread);
  const auto at = v.hosts.find(host);
  return at == v.hosts.end() ? nullptr : at->second;
}

void DnsCache::tell(std::size_t thread, const ResolvedHostPtr& host) {
  View& v = view(thread);
  v.hosts.erase(host->host);  // with its key
  v.hosts.emplace(host->host, host);
  v.waiting.wake(host->host, Arrival::came);
}

void DnsCache::look_up(std::size_t thread, std::string_view host, stats::Cells& cells) {
  View& v = view(thread);
  if (host.size() > kHostBytesMax || v.hosts.contains(host)) return;
  if (hosts.load(std::memory_order_relaxed) >= config_.hosts_max) return cells.add(stats_, DnsCacheStat::host_overflow);
  ask_(host);
}

void DnsCache::forget(std::size_t thread, const std::string& host) {
  View& v = view(thread);
  v.hosts.erase(host);
  v.waiting.wake(host, Arrival::missing);
}

HostPort split_port(std::string_view authority) noexcept {
  const auto colon = authority.rfind(':');
  if (colon == authority.npos || authority.ends_with(']')) return {authority, {}};
  const auto port = to_number<std::uint16_t>(authority.substr(colon + 1));
  if (!port) return {authority, {}};
  return {authority.substr(0, colon), *port};
}

void normalized_host(std::string_view host, std::uint16_t port, std::string& out) {
  out.assign(host);
  if (split_port(host).port) return;
  out += ':';
  out += std::to_string(port);
}

}  // namespace outrigger::upstream
