#include "proxy/upstream/connection_pool.h"

#include <algorithm>
#include <cstring>
#include "proxy/upstream/dial.h"

namespace outrigger::upstream {

using stats::ClusterStat;

ConnectionPool::ConnectionPool(runtime::ThreadContext& thread, ClusterShared& cluster, Host& host, PoolKind kind)
    : thread_(thread), cluster_(cluster), host_(host), kind_(kind) {}

ConnectionPool::~ConnectionPool() {
  fail_pending(PoolFailure::local_failure, "");
  while (auto* c = ready_.front()) c->abandon();
  while (auto* c = others_.front()) c->abandon();
}

void ConnectionPool::retire() {
  retired_ = true;
  const auto end = [](ClientConnection& c) {
    if (c.connecting()) return;  // requests wait for it
    c.draining = true;
    if (!c.busy()) c.close();
  };
  ready_.each(end);
  others_.each(end);
}

void ConnectionPool::request(PoolWaiter& w) {
  if (auto* c = ready_.front()) {
    use(*c, w);
    return;
  }
  auto& limits = circuit(w.high_priority);
  if (!limits.can_take(Limit::pending)) {
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_rq_pending_overflow);
    return fail(w, PoolFailure::overflow, "");
  }
  enqueue(w);
  connect_for_pending(w.high_priority);
}

/// Gives the connection to the request, when the circuit allows one more.
void ConnectionPool::use(ClientConnection& c, PoolWaiter& w) {
  auto& limits = circuit(w.high_priority);
  if (!limits.can_take(Limit::requests)) {
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_rq_pending_overflow);
    return fail(w, PoolFailure::overflow, "");
  }
  limits.take(Limit::requests, thread_.cells);
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
  circuit(w.high_priority).take(Limit::pending, thread_.cells);
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_rq_pending_total);
  thread_.cells.inc(cluster_.stats, ClusterStat::upstream_rq_pending_active);
}

void ConnectionPool::leave_queue(PoolWaiter& w) {
  w.unlink();
  w.queue = nullptr;
  --pending_count_;
  circuit(w.high_priority).give_back(Limit::pending, thread_.cells);
  thread_.cells.dec(cluster_.stats, ClusterStat::upstream_rq_pending_active);
}

void ConnectionPool::on_waiter_cancelled(PoolWaiter& w) {
  leave_queue(w);
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_rq_cancelled);
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
  if (kind_ != PoolKind::http2) return 1;
  const auto most = cluster_.config->requests_per_connection_max;
  const auto streams = std::max(cluster_.config->http2.streams_max, 1u);
  return most == 0 ? streams : std::min(streams, most);
}

/// As many connection attempts as the waiting requests need.
void ConnectionPool::connect_for_pending(bool high) {
  while (pending_count_ > std::uint64_t{connecting_} * streams_expected())
    if (!connect(high)) return;
}

bool ConnectionPool::connect(bool high) {
  auto& limits = circuit(high);
  const auto per_host = cluster_.config->per_host_connections;
  const bool allowed =
      limits.can_take(Limit::connections) && (!per_host || host_.stats().cx_active.load(std::memory_order_relaxed) < *per_host);
  if (!allowed) {
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_overflow);
    if (connections_ > 0) return false;  // a host always gets one, or requests would wait for ever
  }
  int error = 0;
  auto transport = dial(thread_, *cluster_.config, host_, error);
  if (transport == nullptr) {
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_connect_fail);
    host_.stats().cx_connect_fail.fetch_add(1, std::memory_order_relaxed);
    thread_local std::string detail;
    detail = std::string("immediate connect error: ") + std::strerror(error);
    fail_pending(PoolFailure::connect_failed, detail);
    return false;
  }
  auto* c = new ClientConnection(thread_, cluster_, host_, *this, std::move(transport), kind_);  // until on_closed
  c->high_priority = high;
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
  if (!pending_.empty()) connect_for_pending(pending_.front()->high_priority);
}

void ConnectionPool::on_closed(ClientConnection& c, std::optional<PoolFailure> failure, std::string_view detail) {
  static_cast<PoolLink&>(c).unlink();
  --connections_;
  const bool was_connecting = c.never_connected();
  if (was_connecting) --connecting_;
  host_.stats().cx_active.fetch_sub(1, std::memory_order_relaxed);
  thread_.cells.dec(cluster_.stats, ClusterStat::upstream_cx_active);
  const bool high = c.high_priority;
  circuit(high).give_back(Limit::connections, thread_.cells);
  thread_.loop.dispose(std::unique_ptr<ClientConnection>(&c));
  if (failure) fail_pending(*failure, detail);
  if (!pending_.empty()) connect_for_pending(pending_.front()->high_priority);
}

void ConnectionPool::on_reusable(ClientConnection& c) {
  serve_pending(c);
  // The circuit may allow another connection by now.
  if (!pending_.empty()) connect_for_pending(pending_.front()->high_priority);
}

void ConnectionPool::on_draining(ClientConnection& c) { others_.push_back(c); }

void ConnectionPool::on_request_done(bool high_priority) { circuit(high_priority).give_back(Limit::requests, thread_.cells); }

}  // namespace outrigger::upstream
