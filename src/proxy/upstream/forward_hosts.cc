#include "proxy/upstream/forward_hosts.h"

#include "proxy/base/numbers.h"
#include "proxy/upstream/socket_match.h"

namespace outrigger::upstream {

namespace key = http::state_key;

namespace {

/// A request that waits until its host's name was resolved.
class Pending final : public PendingHost, private Parked {
 public:
  Pending(ForwardHosts& hosts, DnsCachePtr cache, std::string name, HostWaiter& waiter)
      : hosts_(hosts), cache_(std::move(cache)), name_(std::move(name)), waiter_(waiter) {}
  ~Pending() override {
    leave();
    end();
  }
  Parked& place() noexcept { return *this; }

 private:
  void on_arrival(Arrival a) override {
    end();
    auto& hosts = hosts_;  // this may be destroyed by whoever is told
    const auto known = cache_->known(hosts.thread().number, name_);
    Host* host = hosts.find(name_);
    waiter_.on_host(host, a == Arrival::came && known != nullptr ? std::string_view(known->details) : "dns_cache_overflow");
  }
  void end() noexcept {
    if (!std::exchange(over_, true)) cache_->give_back_place(hosts_.thread().cells);
  }
  ForwardHosts& hosts_;
  DnsCachePtr cache_;
  std::string name_;
  HostWaiter& waiter_;
  bool over_ = false;
};

}  // namespace

std::uint16_t default_port_of(const ClusterConfig& config) noexcept {
  const auto* socket = socket_for(config, nullptr);
  return socket != nullptr && socket->secure() ? 443 : 80;
}

void ForwardHosts::update(const std::vector<std::unique_ptr<HostPool>>& hosts) {
  by_name_.clear();
  for (const auto& h : hosts) by_name_.emplace(h->endpoint().hostname(), h.get());
}

Host* ForwardHosts::find(std::string_view host) noexcept {
  const auto at = by_name_.find(host);
  if (at == by_name_.end()) return nullptr;
  Host& h = *at->second;
  const auto health = h.health();
  if (!is_healthy(health) && health != Health::degraded) return nullptr;
  if (auto* last = h.endpoint().more->last_use.get()) {
    const auto now = thread_.loop.now().time_since_epoch().count();
    if (last->load(std::memory_order_relaxed) != now) last->store(now, std::memory_order_relaxed);
  }
  return &h;
}

/// By filter state, then the request's, then the connection's. False: there is no name.
bool ForwardHosts::name(const PickContext& c) {
  std::string_view host = c.request != nullptr ? c.request->authority : c.server_name;
  std::uint16_t port = default_port_of(config_);
  if (c.state != nullptr) {
    if (const auto* set = c.state->find(key::kDynamicHost, http::StateKind::text)) host = set->value;
    if (const auto* set = c.state->find(key::kDynamicPort, http::StateKind::number))
      if (const auto n = to_number<std::uint16_t>(set->value); n && *n > 0) port = *n;
  }
  if (host.empty()) return false;
  normalized_host(host, port, name_);
  return true;
}

Host* ForwardHosts::pick(const PickContext& c, bool& counts) {
  counts = true;
  if (!name(c)) {
    if (c.later != nullptr) c.later->details = "empty_host_header";
    return nullptr;
  }
  if (Host* host = find(name_)) return host;
  const auto& cache = config_.dns_cache;
  if (cache == nullptr) return nullptr;
  auto& cells = thread_.cells;
  if (c.later == nullptr) {
    counts = cache->known(thread_.number, name_) != nullptr;
    if (!counts) cache->look_up(thread_.number, name_, cells);
    return nullptr;
  }
  if (!cache->take_place(cells)) {
    c.later->details = "dns_cache_pending_requests_overflow";
    return nullptr;
  }
  auto pending = std::make_unique<Pending>(*this, cache, name_, c.later->waiter);
  ResolvedHostPtr known;
  switch (cache->find(thread_.number, name_, pending->place(), known, cells)) {
    case DnsCache::Found::here: c.later->details = known->details; break;
    case DnsCache::Found::full: c.later->details = "dns_cache_overflow"; break;
    case DnsCache::Found::waits:
      counts = false;
      c.later->pending = std::move(pending);
      break;
  }
  return nullptr;
}

}  // namespace outrigger::upstream
