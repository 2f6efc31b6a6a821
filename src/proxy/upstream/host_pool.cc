#include "proxy/upstream/host_pool.h"

#include <cstring>
#include "proxy/upstream/dial.h"

namespace outrigger::upstream {

using stats::ClusterStat;

HostPool::HostPool(runtime::ThreadContext& thread, ClusterShared& cluster, const Member& member)
    : Host(member.endpoint, member.stats), thread_(thread), cluster_(cluster) {}

HostPool::~HostPool() {
  fail_pending(PoolFailure::local_failure, "");
  while (auto* c = idle_.front()) c->close();
  while (auto* c = others_.front()) c->close();
}

void HostPool::retire() {
  retired_ = true;
  while (auto* c = idle_.front()) c->close();
  others_.each([](ClientConnection& c) { c.close_when_idle = true; });
}

void HostPool::request(PoolWaiter& w) {
  if (auto* c = idle_.front()) {
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

void HostPool::fail(PoolWaiter& w, PoolFailure why, std::string_view detail) { w.on_pool_failure(why, detail, this); }

/// Gives the connection to the request, when the circuit allows one more.
void HostPool::use(ClientConnection& c, PoolWaiter& w) {
  auto& limits = circuit(w.high_priority);
  if (!limits.can_take(Limit::requests)) {
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_rq_pending_overflow);
    if (!static_cast<PoolLink&>(c).linked()) {
      idle_.push_front(c);
      c.wait_idle();
    }
    return fail(w, PoolFailure::overflow, "");
  }
  limits.take(Limit::requests, thread_.cells);
  c.high_priority = w.high_priority;
  others_.push_back(c);
  const auto max = cluster_.config->requests_per_connection_max;
  if (max != 0 && c.requests() + 1 >= max) {
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_max_requests);
    c.close_when_idle = true;
  }
  c.attach(w);
}

// ---- waiting requests

void HostPool::enqueue(PoolWaiter& w) {
  pending_.push_back(w);
  ++pending_count_;
  w.queue = this;
  circuit(w.high_priority).take(Limit::pending, thread_.cells);
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_rq_pending_total);
  thread_.cells.inc(cluster_.stats, ClusterStat::upstream_rq_pending_active);
}

void HostPool::leave_queue(PoolWaiter& w) {
  w.unlink();
  w.queue = nullptr;
  --pending_count_;
  circuit(w.high_priority).give_back(Limit::pending, thread_.cells);
  thread_.cells.dec(cluster_.stats, ClusterStat::upstream_rq_pending_active);
}

void HostPool::on_waiter_cancelled(PoolWaiter& w) {
  leave_queue(w);
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_rq_cancelled);
}

void HostPool::serve_pending(ClientConnection& c) {
  PoolWaiter* w = pending_.front();
  if (w == nullptr) {
    idle_.push_front(c);
    c.wait_idle();
    return;
  }
  leave_queue(*w);
  static_cast<PoolLink&>(c).unlink();
  use(c, *w);
}

void HostPool::fail_pending(PoolFailure why, std::string_view detail) {
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

/// As many connection attempts as there are requests waiting.
void HostPool::connect_for_pending(bool high) {
  while (pending_count_ > connecting_ && !retired_)
    if (!connect(high)) return;
}

bool HostPool::connect(bool high) {
  auto& limits = circuit(high);
  const auto per_host = cluster_.config->per_host_connections;
  const bool allowed =
      limits.can_take(Limit::connections) && (!per_host || stats_->cx_active.load(std::memory_order_relaxed) < *per_host);
  if (!allowed) {
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_overflow);
    if (connections_ > 0) return false;  // a host always gets one, or requests would wait for ever
  }
  int error = 0;
  auto transport = dial(thread_, *cluster_.config, endpoint_->address, error);
  if (transport == nullptr) {
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_connect_fail);
    stats_->cx_connect_fail.fetch_add(1, std::memory_order_relaxed);
    thread_local std::string detail;
    detail = std::string("immediate connect error: ") + std::strerror(error);
    fail_pending(PoolFailure::connect_failed, detail);
    return false;
  }
  auto* c = new ClientConnection(thread_, cluster_, *this, *this, std::move(transport));  // until on_closed
  c->set_connection_priority(high);
  limits.take(Limit::connections, thread_.cells);
  ++connections_;
  ++connecting_;
  others_.push_back(*c);
  c->start();
  return true;
}

void HostPool::on_connected(ClientConnection& c) {
  --connecting_;
  if (retired_) c.close_when_idle = true;
  serve_pending(c);
  if (retired_ && !c.busy()) c.close();
}

void HostPool::on_closed(ClientConnection& c, std::optional<PoolFailure> failure, std::string_view detail) {
  static_cast<PoolLink&>(c).unlink();
  --connections_;
  const bool was_connecting = c.never_connected();
  if (was_connecting) --connecting_;
  stats_->cx_active.fetch_sub(1, std::memory_order_relaxed);
  thread_.cells.dec(cluster_.stats, ClusterStat::upstream_cx_active);
  const bool high = c.connection_priority();
  circuit(high).give_back(Limit::connections, thread_.cells);
  thread_.loop.dispose(std::unique_ptr<ClientConnection>(&c));
  if (failure) fail_pending(*failure, detail);
  if (!pending_.empty()) connect_for_pending(pending_.front()->high_priority);
}

void HostPool::on_reusable(ClientConnection& c) {
  static_cast<PoolLink&>(c).unlink();
  serve_pending(c);
}

void HostPool::on_request_done(ClientConnection& c) { circuit(c.high_priority).give_back(Limit::requests, thread_.cells); }

}  // namespace outrigger::upstream
