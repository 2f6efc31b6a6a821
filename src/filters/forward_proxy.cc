#include "filters/forward_proxy.h"

#include "proxy/base/numbers.h"
#include "proxy/hcm/stream.h"
#include "proxy/upstream/forward_hosts.h"

namespace outrigger::filters {

namespace key = http::state_key;
using hcm::FilterStatus;
using upstream::DnsCache;

namespace {

class ForwardProxy final : public hcm::HttpFilter, private Parked {
 public:
  ForwardProxy(hcm::Stream& stream, const ForwardProxyFactory& factory, const ForwardProxyConfig& config)
      : HttpFilter(stream), factory_(factory), cache_(*config.cache), host_from_state_(config.host_from_state) {}
  FilterStatus on_request_head(http::RequestHead& head, bool end_stream) override;
  void on_stream_end() override {
    leave();
    give_back_place();
  }

 private:
  void rewrite_host(http::RequestHead& head);
  void read_host(const http::RequestHead& head, std::uint16_t default_port);
  FilterStatus look_up();
  void on_arrival(Arrival a) override;
  void give_back_place() noexcept {
    if (std::exchange(has_place_, false)) cache_.give_back_place(stream_.thread().cells);
  }
  FilterStatus refuse(std::string_view body, std::string_view details, std::uint16_t status = 503,
                      std::optional<http::Flag> flag = {}) {
    stream_.local_reply({.status = status, .body = body, .details = details, .flag = flag});
    return FilterStatus::stop;
  }
  /// Nothing was found under the name.
  FilterStatus fail(std::string_view why) {
    return refuse("DNS resolution failure", stream_.arena().copy(why), 503, http::Flag::dns_resolution_failed);
  }
  const ForwardProxyFactory& factory_;
  DnsCache& cache_;
  bool host_from_state_;
  bool has_place_ = false;
  std::string_view host_;  // as the cache has it; in the arena
};

FilterStatus ForwardProxy::on_request_head(http::RequestHead& head, bool) {
  const auto* route = stream_.route();
  if (route == nullptr || route->kind != route::Route::forward) return FilterStatus::go_on;
  const auto* cluster = stream_.worker().clusters.find(stream_.chosen().cluster);
  if (cluster == nullptr || cluster->config().discovery != upstream::Discovery::forward) return FilterStatus::go_on;
  rewrite_host(head);
  if (!cache_.take_place(stream_.thread().cells))
    return refuse("Dynamic forward proxy pending request overflow", "dynamic_forward_proxy_pending_request_overflow");
  has_place_ = true;
  if (head.authority.empty()) {
    give_back_place();
    stream_.close_connection();
    return refuse("Empty host header", "empty_host_header", 400);
  }
  read_host(head, upstream::default_port_of(cluster->config()));
  const auto status = look_up();
  if (status == FilterStatus::go_on) give_back_place();
  return status;
}

void ForwardProxy::rewrite_host(http::RequestHead& head) {
  const auto* o = stream_.override_for(factory_.name);
  const auto* own = o == nullptr ? nullptr : o->as<ForwardProxyOverride>();
  if (own == nullptr) return;
  if (!own->host.empty()) head.authority = stream_.arena().copy(own->host);
  if (own->header.empty()) return;
  if (const auto* e = head.headers.find(own->header)) head.authority = e->value;  // the first of its name
}

/// A port of its own that the host has stays, whatever filter state says.
void ForwardProxy::read_host(const http::RequestHead& head, std::uint16_t default_port) {
  const auto parts = upstream::split_port(head.authority);
  std::string_view host = parts.host;
  std::uint16_t port = parts.port.value_or(default_port);
  if (host_from_state_) {
    const auto& state = stream_.info().filter_state;
    if (const auto* set = state.find(key::kDynamicHost, http::StateKind::text)) host = set->value;
    if (const auto* set = state.find(key::kDynamicPort, http::StateKind::number))
      if (const auto n = to_number<std::uint16_t>(set->value); n && *n > 0) port = *n;
  }
  if (upstream::split_port(host).port)
    host_ = host;
  else
    host_ = stream_.arena().cat(host, ":", decimal(port, stream_.arena()));
}

FilterStatus ForwardProxy::look_up() {
  auto& thread = stream_.thread();
  upstream::ResolvedHostPtr known;
  switch (cache_.find(thread.number, host_, *this, known, thread.cells)) {
    case DnsCache::Found::waits: return FilterStatus::stop;
    case DnsCache::Found::here: break;
    case DnsCache::Found::full: give_back_place(); return refuse("DNS cache overflow", "dns_cache_overflow");
  }
  if (!known->addresses.empty()) return FilterStatus::go_on;
  give_back_place();
  return fail(known->details);
}

void ForwardProxy::on_arrival(Arrival a) {
  give_back_place();
  const auto known = a == Arrival::came ? cache_.known(stream_.thread().number, host_) : nullptr;
  if (known == nullptr)
    refuse("DNS cache overflow", "dns_cache_overflow");
  else if (known->addresses.empty())
    fail(known->details);
  else
    stream_.continue_request(*this);
}

}  // namespace

hcm::HttpFilter* ForwardProxyFactory::make(hcm::Stream& stream, Arena& arena) const {
  return config_.cache == nullptr ? nullptr : arena.make<ForwardProxy>(stream, *this, config_);
}

}  // namespace outrigger::filters
