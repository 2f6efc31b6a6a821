#include "proxy/upstream/connection_pool.h"

#include <algorithm>
#include <cstring>
#include "proxy/upstream/dial.h"

namespace outrigger::upstream {

using stats::ClusterStat;

ConnectionPool::ConnectionPool(runtime::ThreadContext& thread, ClusterShared& cluster, Host& host, const PoolKey& key,
                               net::OriginPtr origin, PoolOwner& owner)
    : thread_(thread),
      cluster_(cluster),
      host_(host),
      key_(key),
      owner_(owner),
      demands_(key.peer),
      origin_(std::move(origin)),
      origin_key_(key.origin) {
  key_.origin = origin_key_;
  key_.peer = demands_.names();
}

ConnectionPool::~ConnectionPool() {
  ending_ = true;
  fail_pending(PoolFailure::local_failure, "");
  while (auto* c = ready_.front()) c->abandon();
  while (auto* c = others_.front()) c->abandon();
}

void ConnectionPool::retire() {
  retired_ = true;
  drain();
}

void ConnectionPool::drain() {
  List<ClientConnection, PoolLink> old;
  ready_.each([&old](ClientConnection& c) { old.push_back(c); });
  others_.each([&old](ClientConnection& c) {
    if (!c.connecting()) old.push_back(c);  // not those that requests wait for
  });
  while (auto* c = old.front()) {
    others_.push_back(*c);
    c->draining = true;
    if (!c->busy()) c->close();
  }
}

void ConnectionPool::request(PoolWaiter& w) {
  if (idle()) demands_.shared = shared_states(w.state);
  while (auto* c = ready_.front()) {
    if (c->room() == 0) {  // its peer allows less by now
      others_.push_back(*c);
      continue;
    }
    use(*c, w);
    return connect_as_needed();
  }
  if (!circuit().can_take(Limit::pending)) {
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_rq_pending_overflow);
    w.on_pool_failure(PoolFailure::overflow, "", nullptr);
    return tell_if_idle();
  }
  enqueue(w);
  connect_as_needed();
}

/// Gives the connection to the request, when the circuit allows one more.
void ConnectionPool::use(ClientConnection& c, PoolWaiter& w) {
  if (!circuit().can_take(Limit::requests)) {
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_rq_active_overflow);
    return fail(w, PoolFailure::overflow, "");
  }
  circuit().take(Limit::requests, thread_.cells);
  ++active_;
  const bool full = c.room() <= 1;
  const auto max = cluster_.config->requests_per_connection_max;
  if (max != 0 && c.requests() + 1 >= max) {
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_max_requests);
    c.draining = true;
  }
  if (full || c.draining) others_.push_back(c);
  c.attach(w);  // may end the request, or the connection
}

// ---- waiting requests

void ConnectionPool::enqueue(PoolWaiter& w) {
  pending_.push_back(w);
  ++pending_count_;
  w.queue = this;
  circuit().take(Limit::pending, thread_.cells);
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_rq_pending_total);
  thread_.cells.inc(cluster_.stats, ClusterStat::upstream_rq_pending_active);
  host_.counters().rq_pending.fetch_add(1, std::memory_order_relaxed);
}

void ConnectionPool::leave_queue(PoolWaiter& w) {
  w.unlink();
  w.queue = nullptr;
  --pending_count_;
  circuit().give_back(Limit::pending, thread_.cells);
  thread_.cells.dec(cluster_.stats, ClusterStat::upstream_rq_pending_active);
  host_.counters().rq_pending.fetch_sub(1, std::memory_order_relaxed);
}

void ConnectionPool::on_waiter_cancelled(PoolWaiter& w) {
  leave_queue(w);
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_rq_cancelled);
  tell_if_idle();
}

void ConnectionPool::serve_pending(ClientConnection& c) {
  while (c.room() > 0) {
    PoolWaiter* w = pending_.front();
    if (w == nullptr) break;
    leave_queue(*w);
    use(c, *w);
  }
  if (c.room() == 0) return;
  ready_.push_front(c);
  if (!c.busy()) c.wait_idle();
}

void ConnectionPool::fail_pending(PoolFailure why, std::string_view detail) {
  // Those that queue again while they are told are not failed: a retry waits for its own attempt.
  List<PoolWaiter> failed;
  while (auto* w = pending_.pop_front()) failed.push_back(*w);
  while (auto* w = failed.front()) {
    leave_queue(*w);
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_rq_pending_failure_eject);
    fail(*w, why, detail);
  }
}

// ---- connections

/// How many requests a connection is likely to take at a time.
std::uint32_t ConnectionPool::streams_expected() const noexcept {
  if (key_.kind != PoolKind::http2) return 1;
  const auto most = cluster_.config->requests_per_connection_max;
  const auto streams = std::max(cluster_.config->http2->streams_max, 1u);
  return most == 0 ? streams : std::min(streams, most);
}

/// More than the requests need when the cluster connects ahead (preconnect).
bool ConnectionPool::needs_connection() noexcept {
  const std::uint64_t coming = std::uint64_t{connecting_} * streams_expected();
  const double ahead = cluster_.config->preconnect;
  if (ahead <= 1 || !is_healthy(host_.health())) return pending_count_ > coming;
  std::uint64_t room = 0;
  ready_.each([&room](const ClientConnection& c) { room += c.room(); });
  return (pending_count_ + active_) * ahead > static_cast<double>(coming + room + active_);
}

/// A few at a time: many may be wanted ahead, for instance when a host has become healthy.
void ConnectionPool::connect_as_needed() {
  if (cluster_.config->preconnect <= 1 && pending_.empty()) return;
  constexpr int kMost = 3;
  for (int i = 0; i < kMost && needs_connection(); ++i)
    if (!connect()) return;
}

void ConnectionPool::connect_failed_at_once(const net::ConnectFailure& failure) {
  const auto detail = count_failed_dial(thread_, cluster_, host_, origin_.get(), failure);
  fail_pending(failure.bind ? PoolFailure::local_failure : PoolFailure::connect_failed, detail);
}

bool ConnectionPool::connect() {
  auto& limits = circuit();
  const auto per_host = cluster_.config->per_host_connections[key_.high_priority ? 1 : 0];
  const bool allowed = limits.can_take(Limit::connections) &&
                       (!per_host || host_.stats().counted().cx_active.load(std::memory_order_relaxed) < *per_host);
  if (!allowed) {
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_overflow);
    if (connections_ > 0) return false;  // a host always gets one, or requests would wait for ever
  }
  static constexpr std::string_view kAlpn[] = {"\x08http/1.1", "\x02h2", "\x02h2\x08http/1.1"};  // by PoolKind
  net::ConnectFailure failure;
  auto demands = demands_.with(kAlpn[static_cast<std::size_t>(key_.kind)]);
  demands.origin = origin_.get();
  auto transport = dial(thread_, cluster_, host_, demands, failure);
  if (transport == nullptr) {
    connect_failed_at_once(failure);
    tell_if_idle();
    return false;
  }
  auto* c = new ClientConnection(thread_, cluster_, host_, *this, std::move(transport), key_.kind);  // until on_closed
  limits.take(Limit::connections, thread_.cells);
  ++connections_;
  ++connecting_;
  others_.push_back(*c);
  c->start();
  return true;
}

void ConnectionPool::on_connected(ClientConnection& c) {
  --connecting_;
  serve_pending(c);
  if (retired_ && c.open()) {
    c.draining = true;
    others_.push_back(c);
    if (!c.busy()) c.close();
  }
  if (!pending_.empty()) connect_as_needed();
}

void ConnectionPool::on_closed(ClientConnection& c, std::optional<PoolFailure> failure, std::string_view detail) {
  static_cast<PoolLink&>(c).unlink();
  --connections_;
  const bool was_connecting = c.never_connected();
  if (was_connecting) --connecting_;
  host_.counters().cx_active.fetch_sub(1, std::memory_order_relaxed);
  thread_.cells.dec(cluster_.stats, ClusterStat::upstream_cx_active);
  circuit().give_back(Limit::connections, thread_.cells);
  thread_.loop.dispose(std::unique_ptr<ClientConnection>(&c));
  if (failure) fail_pending(*failure, detail);
  if (!pending_.empty()) connect_as_needed();
  tell_if_idle();
}

void ConnectionPool::on_reusable(ClientConnection& c) {
  serve_pending(c);
  // The circuit may allow another connection by now.
  if (!pending_.empty()) connect_as_needed();
}

void ConnectionPool::on_draining(ClientConnection& c) { others_.push_back(c); }

void ConnectionPool::on_request_done() {
  --active_;
  circuit().give_back(Limit::requests, thread_.cells);
}

}  // namespace outrigger::upstream
