// The HTTP connections of one protocol to one host on one worker: those with room for a request (the last
// used first), waiting requests, new connections on demand within the circuit limits. Owned by HostPool.
#pragma once
#include <memory>
#include <string>
#include "proxy/upstream/client_connection.h"
#include "proxy/upstream/pool.h"
#include "proxy/upstream/shared.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

class ConnectionPool final : private ClientConnectionOwner, private PendingQueue {
 public:
  ConnectionPool(runtime::ThreadContext& thread, ClusterShared& cluster, Host& host, PoolKind kind);
  ~ConnectionPool();
  /// Answers `w`, now or later.
  void request(PoolWaiter& w);
  /// No longer a member: idle connections close, busy ones do after their requests.
  void retire();
  std::uint32_t connections() const noexcept { return connections_; }

 private:
  // ClientConnectionOwner
  void on_connected(ClientConnection& c) override;
  void on_closed(ClientConnection& c, std::optional<PoolFailure> failure, std::string_view detail) override;
  void on_reusable(ClientConnection& c) override;
  void on_request_done(bool high_priority) override;
  void on_draining(ClientConnection& c) override;
  // PendingQueue
  void on_waiter_cancelled(PoolWaiter& w) override;

  CircuitState& circuit(bool high) noexcept { return cluster_.circuit[high ? 1 : 0]; }
  void use(ClientConnection& c, PoolWaiter& w);
  void fail(PoolWaiter& w, PoolFailure why, std::string_view detail) { w.on_pool_failure(why, detail, &host_); }
  void enqueue(PoolWaiter& w);
  void leave_queue(PoolWaiter& w);
  void serve_pending(ClientConnection& c);
  void fail_pending(PoolFailure why, std::string_view detail);
  void connect_for_pending(bool high);
  bool connect(bool high);
  std::uint32_t streams_expected() const noexcept;

  runtime::ThreadContext& thread_;
  ClusterShared& cluster_;
  Host& host_;
  PoolKind kind_;
  List<ClientConnection, PoolLink> ready_, others_;  // others: connecting, full or draining
  List<PoolWaiter> pending_;
  std::uint32_t pending_count_ = 0, connecting_ = 0, connections_ = 0;
  bool retired_ = false;
};

}  // namespace outrigger::upstream
