#include "filters/sni_forward_proxy.h"

#include "proxy/base/numbers.h"
#include "proxy/http/connection_facts.h"

namespace outrigger::filters {

namespace key = http::state_key;
using upstream::DnsCache;

namespace {

/// Goes on whatever comes of it: without an address there is no host to connect to.
class Wait final : public Hold, private Parked {
 public:
  Wait(upstream::DnsCachePtr cache, runtime::ThreadContext& thread) : cache_(std::move(cache)), thread_(thread) {}
  ~Wait() override {
    leave();
    cache_->give_back_place(thread_.cells);
  }
  Parked& place() noexcept { return *this; }

 private:
  void on_arrival(Arrival) override { go_on(); }
  upstream::DnsCachePtr cache_;
  runtime::ThreadContext& thread_;
};

}  // namespace

Verdict SniForwardProxy::on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const {
  const auto* set = info.filter_state.find(key::kDynamicHost, http::StateKind::text);
  const std::string_view host = set != nullptr ? set->value : info.requested_server_name;
  if (host.empty() || cache_ == nullptr) return {};
  if (!cache_->take_place(worker.thread.cells)) return {.close = true};
  auto wait = std::make_unique<Wait>(cache_, worker.thread);  // gives the place back
  const auto* state = info.filter_state.find(key::kDynamicPort, http::StateKind::number);
  std::uint16_t port = state == nullptr ? 0 : to_number<std::uint16_t>(state->value).value_or(0);
  if (port == 0) {
    port = port_;
    info.facts().set_state(info.filter_state, key::kDynamicPort, port_text_, {false, http::StateKind::number});
  }
  std::string name;
  upstream::normalized_host(host, port, name);
  upstream::ResolvedHostPtr known;
  switch (cache_->find(worker.thread.number, name, wait->place(), known, worker.thread.cells)) {
    case DnsCache::Found::here: return {};
    case DnsCache::Found::full: return {.close = true};
    case DnsCache::Found::waits: break;
  }
  return {.hold = std::move(wait)};
}

}  // namespace outrigger::filters
