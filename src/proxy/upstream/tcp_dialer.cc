#include "proxy/upstream/tcp_dialer.h"

#include <cstring>
#include <string>
#include "proxy/upstream/demands.h"
#include "proxy/upstream/dial.h"

namespace outrigger::upstream {

using stats::ClusterStat;

std::uint64_t next_upstream_connection_id() noexcept {
  static std::atomic<std::uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

namespace {

class Lease final : public TcpLease, private TcpOpen {
 public:
  Lease(runtime::ThreadContext& thread, ClusterShared& cluster, HostPool& host, TcpWaiter& waiter,
        std::unique_ptr<net::Transport> transport, TimePoint started)
      : thread_(thread), cluster_(cluster), host_(host), waiter_(waiter), transport_(std::move(transport)), started_(started) {
    if (cluster_.config->close_on_host_failure) host_.tcp_open.push_back(*this);
  }
  ~Lease() override {
    unlink();
    auto& cells = thread_.cells;
    const auto& stats = cluster_.stats;
    cells.dec(stats, ClusterStat::upstream_cx_active);
    cells.dec(stats, ClusterStat::upstream_rq_active);
    cells.add(stats, ClusterStat::upstream_cx_destroy);
    cells.add(stats, by_remote_ ? ClusterStat::upstream_cx_destroy_remote : ClusterStat::upstream_cx_destroy_local);
    cells.add(stats, ClusterStat::upstream_cx_destroy_with_active_rq);
    cells.add(stats, by_remote_ ? ClusterStat::upstream_cx_destroy_remote_with_active_rq
                                : ClusterStat::upstream_cx_destroy_local_with_active_rq);
    const auto ms = (thread_.loop.now() - started_).count() / 1000;
    cells.record(stats, ClusterStat::upstream_cx_length_ms, static_cast<std::uint64_t>(ms));
    host_.counters().cx_active.fetch_sub(1, std::memory_order_relaxed);
    host_.counters().rq_active.fetch_sub(1, std::memory_order_relaxed);
    --host_.active_requests;
    --host_.tcp_connections;
    cluster_.circuit[0].give_back(Limit::connections, cells);
    transport_->close();
    thread_.loop.dispose(std::move(transport_));  // it may be on the stack
    host_.serve_tcp_waiting();
  }
  net::Transport& transport() noexcept override { return *transport_; }
  Host& host() noexcept override { return host_; }
  std::uint64_t connection_id() const noexcept override { return id_; }
  void closed_by_remote() noexcept override { by_remote_ = true; }

 private:
  void on_host_failed() override { waiter_.on_tcp_host_failed(); }
  runtime::ThreadContext& thread_;
  ClusterShared& cluster_;
  HostPool& host_;
  TcpWaiter& waiter_;  // has it
  std::unique_ptr<net::Transport> transport_;
  TimePoint started_;
  std::uint64_t id_ = next_upstream_connection_id();
  bool by_remote_ = false;
};

/// Waits for the host when it may have no more connections, then for the connection.
class Attempt final : public TcpAttempt, private TcpQueued, private TcpOpen, private net::TransportEvents {
 public:
  Attempt(runtime::ThreadContext& thread, ClusterShared& cluster, HostPool& host, TcpWaiter& waiter)
      : thread_(thread), cluster_(cluster), host_(host), waiter_(waiter), timeout_(thread.loop.timers(), *this) {
    auto& cells = thread_.cells;
    cluster_.mark_circuit_used(cells);
    cluster_.circuit[0].take(Limit::pending, cells);
    cells.add(cluster_.stats, ClusterStat::upstream_rq_pending_total);
    cells.inc(cluster_.stats, ClusterStat::upstream_rq_pending_active);
    host_.counters().rq_pending.fetch_add(1, std::memory_order_relaxed);
  }
  ~Attempt() override {
    if (!pending_) return;
    leave_pending();
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_rq_cancelled);
    if (transport_ == nullptr) {
      std::erase(host_.tcp_waiting, static_cast<TcpQueued*>(this));
      return;
    }
    drop();
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_destroy);
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_destroy_local);
    host_.serve_tcp_waiting();
  }
  void wait_for_host() {
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_overflow);
    host_.tcp_waiting.push_back(this);
  }
  /// False: it failed at once, which the waiter was told.
  bool connect() {
    net::ConnectFailure failure;
    const auto origin = host_.origin_of(waiter_.downstream);
    PeerNames names;
    add_demands(waiter_.state, names);
    Demands own(names);
    own.shared = shared_states(waiter_.state);
    auto demands = own.with(waiter_.alpn);
    demands.origin = origin.get();
    auto transport = dial(thread_, cluster_, host_, demands, failure);
    if (transport == nullptr) {
      const auto words = count_failed_dial(thread_, cluster_, host_, origin.get(), failure);
      if (host_.endpoint().address.is_internal())
        thread_.cells.add(cluster_.stats, ClusterStat::upstream_rq_pending_failure_eject);
      leave_pending();
      waiter_.on_tcp_failure(failure.bind ? PoolFailure::local_failure : PoolFailure::connect_failed, words, &host_);
      return false;
    }
    transport_ = std::move(transport);
    auto& cells = thread_.cells;
    started_ = thread_.loop.now();
    cluster_.circuit[0].take(Limit::connections, cells);
    cells.add(cluster_.stats, ClusterStat::upstream_cx_total);
    cells.inc(cluster_.stats, ClusterStat::upstream_cx_active);
    host_.counters().cx_total.fetch_add(1, std::memory_order_relaxed);
    host_.counters().cx_active.fetch_add(1, std::memory_order_relaxed);
    ++host_.tcp_connections;
    timeout_.arm(cluster_.config->connect_timeout);
    if (cluster_.config->close_on_host_failure) host_.tcp_open.push_back(*this);
    transport_->start(*this);
    return true;
  }

 private:
  void connect_now() override { connect(); }  // may delete this
  void leave_pending() {
    pending_ = false;
    TcpOpen::unlink();
    timeout_.cancel();
    cluster_.circuit[0].give_back(Limit::pending, thread_.cells);
    thread_.cells.dec(cluster_.stats, ClusterStat::upstream_rq_pending_active);
    host_.counters().rq_pending.fetch_sub(1, std::memory_order_relaxed);
  }
  void drop() {
    transport_->close();
    thread_.loop.dispose(std::move(transport_));
    cluster_.circuit[0].give_back(Limit::connections, thread_.cells);
    thread_.cells.dec(cluster_.stats, ClusterStat::upstream_cx_active);
    host_.counters().cx_active.fetch_sub(1, std::memory_order_relaxed);
    --host_.tcp_connections;
  }
  void on_connected() override {
    leave_pending();
    auto& cells = thread_.cells;
    const auto ms = (thread_.loop.now() - started_).count() / 1000;
    cells.record(cluster_.stats, ClusterStat::upstream_cx_connect_ms, static_cast<std::uint64_t>(ms));
    cells.add(cluster_.stats, ClusterStat::upstream_rq_total);
    cells.inc(cluster_.stats, ClusterStat::upstream_rq_active);
    cluster_.mark_requests_used(cells);
    host_.counters().rq_total.fetch_add(1, std::memory_order_relaxed);
    host_.counters().rq_active.fetch_add(1, std::memory_order_relaxed);
    ++host_.active_requests;
    auto& host = host_;
    auto lease = std::make_unique<Lease>(thread_, cluster_, host_, waiter_, std::move(transport_), started_);
    waiter_.on_tcp_ready(std::move(lease));  // may delete this
    host.serve_tcp_waiting();
  }
  void on_connect_failed(int error) override {
    thread_local std::string detail;
    detail =
        error == 0 ? std::string(transport_->failure_reason()) : std::string("delayed connect error: ") + std::strerror(error);
    give_up(PoolFailure::connect_failed, detail);
  }
  void on_timeout() {
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_connect_timeout);
    give_up(PoolFailure::connect_timeout, "");
  }
  void give_up(PoolFailure why, std::string_view detail) {
    auto& cells = thread_.cells;
    cells.add(cluster_.stats, ClusterStat::upstream_cx_connect_fail);
    cells.add(cluster_.stats, ClusterStat::upstream_rq_pending_failure_eject);
    cells.add(cluster_.stats, ClusterStat::upstream_cx_destroy);
    cells.add(cluster_.stats, why == PoolFailure::connect_failed ? ClusterStat::upstream_cx_destroy_remote
                                                                 : ClusterStat::upstream_cx_destroy_local);
    host_.counters().cx_connect_fail.fetch_add(1, std::memory_order_relaxed);
    leave_pending();
    drop();
    auto& host = host_;
    waiter_.on_tcp_failure(why, detail, &host_);  // may delete this
    host.serve_tcp_waiting();
  }
  void on_host_failed() override { give_up(PoolFailure::local_failure, ""); }
  void on_readable() override {}
  void on_writable() override {}

  runtime::ThreadContext& thread_;
  ClusterShared& cluster_;
  HostPool& host_;
  TcpWaiter& waiter_;
  std::unique_ptr<net::Transport> transport_;
  TimePoint started_{};
  bool pending_ = true;
  event::Alarm<Attempt, &Attempt::on_timeout> timeout_;
};

}  // namespace

std::unique_ptr<TcpAttempt> dial_tcp(runtime::ThreadContext& thread, ClusterShared& cluster, HostPool& host, TcpWaiter& waiter) {
  auto& limits = cluster.circuit[0];
  if (!limits.can_take(Limit::pending)) {
    thread.cells.add(cluster.stats, ClusterStat::upstream_rq_pending_overflow);
    waiter.on_tcp_failure(PoolFailure::overflow, "", &host);
    return nullptr;
  }
  auto attempt = std::make_unique<Attempt>(thread, cluster, host, waiter);
  if (!host.may_connect_tcp()) {
    attempt->wait_for_host();
    return attempt;
  }
  if (!limits.can_take(Limit::connections)) thread.cells.add(cluster.stats, ClusterStat::upstream_cx_overflow);
  if (!attempt->connect()) return nullptr;
  return attempt;
}

}  // namespace outrigger::upstream
