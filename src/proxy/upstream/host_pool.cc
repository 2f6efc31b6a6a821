#include "proxy/upstream/host_pool.h"

namespace outrigger::upstream {

HostPool::HostPool(runtime::ThreadContext& thread, ClusterShared& cluster, const Member& member)
    : Host(member.endpoint, member.stats), thread_(thread), cluster_(cluster) {}

HostPool::~HostPool() = default;

PoolKind HostPool::kind_for(const PoolWaiter& w) const noexcept {
  switch (cluster_.config->http_use) {
    case HttpUse::http1: break;
    case HttpUse::http2: return PoolKind::http2;
    case HttpUse::downstream: return w.downstream_protocol == http::Protocol::http2 ? PoolKind::http2 : PoolKind::http1;
    case HttpUse::negotiated: return PoolKind::negotiated;
  }
  return PoolKind::http1;
}

void HostPool::request(PoolWaiter& w) {
  const PoolKind kind = kind_for(w);
  auto& pool = pools_[static_cast<std::size_t>(kind)];
  if (pool == nullptr) {
    pool = std::make_unique<ConnectionPool>(thread_, cluster_, *this, kind);
    if (retired_) pool->retire();
  }
  pool->request(w);
}

void HostPool::retire() {
  retired_ = true;
  for (auto& pool : pools_)
    if (pool != nullptr) pool->retire();
}

bool HostPool::unused() const noexcept {
  for (const auto& pool : pools_)
    if (pool != nullptr && pool->connections() > 0) return false;
  return tcp_connections == 0;
}

}  // namespace outrigger::upstream
