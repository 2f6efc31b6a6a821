#include "proxy/upstream/host_pool.h"

namespace outrigger::upstream {

HostPool::HostPool(runtime::ThreadContext& thread, ClusterShared& cluster, const Member& member)
    : Host(member.endpoint, member.stats, member.since, member.socket), thread_(thread), cluster_(cluster) {}

HostPool::~HostPool() {
  const auto give_back = [this](const Pool& p) {
    if (p.counted) cluster_.circuit[p.pool->key().high_priority ? 1 : 0].give_back(Limit::pools, thread_.cells);
  };
  if (pools_ == nullptr) return;
  for (auto& p : pools_->common) give_back(p);
  for (auto& [key, p] : pools_->own) give_back(p);
}

PoolKey HostPool::key_for(const PoolWaiter& w) const {
  PoolKey key;
  const auto part = socket() == nullptr ? net::OriginPart::nothing : socket()->tells();
  if (const auto origin = origin_of(w.downstream)) key.origin = origin->key(part);
  key.high_priority = w.high_priority;
  key.peer = w.peer;
  add_demands(w.state, key.peer);
  if (cluster_.config->pool_per_downstream) key.downstream = w.downstream_connection;
  switch (cluster_.config->http_use) {
    case HttpUse::http1: break;
    case HttpUse::http2: key.kind = PoolKind::http2; break;
    case HttpUse::downstream:
      key.kind = w.downstream_protocol == http::Protocol::http2 ? PoolKind::http2 : PoolKind::http1;
      break;
    case HttpUse::negotiated: key.kind = PoolKind::negotiated; break;
  }
  return key;
}

HostPool::Pool& HostPool::find(const PoolKey& key, const PoolWaiter* w) {
  const auto make = [&] {
    PoolOwner& self = *this;
    auto origin = w == nullptr ? nullptr : origin_of(w->downstream);
    auto pool = std::make_unique<ConnectionPool>(thread_, cluster_, *this, key, std::move(origin), self);
    if (retired_) pool->retire();
    return pool;
  };
  if (pools_ == nullptr) pools_ = std::make_unique<Pools>();
  if (key.common()) {
    Pool& p = pools_->common[2 * static_cast<std::size_t>(key.kind) + (key.high_priority ? 1 : 0)];
    if (p.pool == nullptr) p.pool = make();
    return p;
  }
  auto& own = pools_->own;
  if (const auto at = own.find(key); at != own.end()) return at->second;
  auto pool = make();
  const PoolKey& mine = pool->key();
  return own.emplace(mine, Pool{std::move(pool)}).first->second;
}

/// Counts a pool that comes into use. False: there may be no more, and none of this host is free.
bool HostPool::admit(Pool& p, const PoolKey& key) {
  if (p.counted) return true;
  auto& circuit = cluster_.circuit[key.high_priority ? 1 : 0];
  if (!circuit.can_take(Limit::pools)) free_one(key.high_priority);
  if (!circuit.can_take(Limit::pools)) {
    thread_.cells.add(cluster_.stats, stats::ClusterStat::upstream_cx_pool_overflow);
    return false;
  }
  circuit.take(Limit::pools, thread_.cells);
  p.counted = true;
  return true;
}

void HostPool::free_one(bool high_priority) {
  for (ConnectionPool* pool : all()) {
    if (pool->busy() || pool->idle() || pool->key().high_priority != high_priority) continue;
    pool->drain();
    return;
  }
}

void HostPool::request(PoolWaiter& w) {
  const PoolKey key = key_for(w);
  Pool& p = find(key, &w);
  w.host_kept = pools_->kept;
  if (admit(p, key)) return p.pool->request(w);
  if (!key.common()) pools_->own.erase(key);
  w.on_pool_failure(PoolFailure::no_pool, "", nullptr);
}

/// Called from within the pool: it goes at the end of the turn.
void HostPool::on_pool_idle(const PoolKey& key) {
  Pool& p = find(key);
  if (std::exchange(p.counted, false)) cluster_.circuit[key.high_priority ? 1 : 0].give_back(Limit::pools, thread_.cells);
  if (key.common()) return;
  thread_.loop.dispose(std::move(p.pool));
  pools_->own.erase(key);
}

std::vector<ConnectionPool*> HostPool::all() const {
  std::vector<ConnectionPool*> pools;
  if (pools_ == nullptr) return pools;
  for (const auto& p : pools_->common)
    if (p.pool != nullptr) pools.push_back(p.pool.get());
  for (const auto& [key, p] : pools_->own) pools.push_back(p.pool.get());
  return pools;
}

void HostPool::retire() {
  retired_ = true;
  for (ConnectionPool* pool : all()) pool->retire();
}

void HostPool::drain() {
  for (ConnectionPool* pool : all()) pool->drain();
}

bool HostPool::note_health() {
  const bool failed = (stats().checked.load(std::memory_order_relaxed) & kCheckFailed) != 0;
  const bool ejected = stats().ejected.load(std::memory_order_relaxed);
  const bool news = (failed && !failed_) || (ejected && !ejected_);
  failed_ = failed;
  ejected_ = ejected;
  if (news) drain();
  return news;
}

void HostPool::fail_tcp() {
  List<TcpOpen> now;  // who is told may try again here
  while (auto* open = tcp_open.pop_front()) now.push_back(*open);
  while (auto* open = now.pop_front()) open->on_host_failed();  // may delete it and others
}

bool HostPool::may_connect_tcp() const noexcept {
  if (tcp_connections == 0) return true;
  if (!cluster_.circuit[0].can_take(Limit::connections)) return false;
  const auto& limit = cluster_.config->per_host_connections[0];
  return !limit || stats().counted().cx_active.load(std::memory_order_relaxed) < *limit;
}

void HostPool::serve_tcp_waiting() {
  while (!tcp_waiting.empty() && may_connect_tcp()) {
    TcpQueued* first = tcp_waiting.front();
    tcp_waiting.erase(tcp_waiting.begin());
    first->connect_now();
  }
  if (!tcp_waiting.empty()) thread_.cells.add(cluster_.stats, stats::ClusterStat::upstream_cx_overflow);
}

bool HostPool::unused() const noexcept {
  if (tcp_connections != 0 || !tcp_waiting.empty()) return false;
  if (pools_ == nullptr) return true;
  if (pools_->kept.use_count() > 1) return false;
  for (const auto& p : pools_->common)
    if (p.pool != nullptr && !p.pool->idle()) return false;
  return pools_->own.empty();
}

}  // namespace outrigger::upstream
