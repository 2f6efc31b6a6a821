// The HTTP/1 connections of one host on one worker: idle ones for reuse (the last used first),
// waiting requests, new connections on demand within the circuit limits. Owned by ClusterImpl.
#pragma once
#include <memory>
#include <string>
#include "proxy/upstream/client_connection.h"
#include "proxy/upstream/pool.h"
#include "proxy/upstream/shared.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

class HostPool final : public Host, private ClientConnectionOwner, private PendingQueue {
 public:
  HostPool(runtime::ThreadContext& thread, ClusterShared& cluster, const Member& member);
  ~HostPool() override;
  /// Answers `w`, now or later.
  void request(PoolWaiter& w);
  /// No longer a member: idle connections close, busy ones do after their request.
  void retire();
  /// Nothing is running or waiting: may be deleted once the loop turn ends.
  bool unused() const noexcept { return connections_ == 0 && tcp_connections == 0; }
  std::uint32_t tcp_connections = 0;  // leases and attempts that refer to this host

 private:
  // ClientConnectionOwner
  void on_connected(ClientConnection& c) override;
  void on_closed(ClientConnection& c, std::optional<PoolFailure> failure, std::string_view detail) override;
  void on_reusable(ClientConnection& c) override;
  void on_request_done(ClientConnection& c) override;
  // PendingQueue
  void on_waiter_cancelled(PoolWaiter& w) override;

  CircuitState& circuit(bool high) noexcept { return cluster_.circuit[high ? 1 : 0]; }
  void use(ClientConnection& c, PoolWaiter& w);
  void fail(PoolWaiter& w, PoolFailure why, std::string_view detail);
  void enqueue(PoolWaiter& w);
  void leave_queue(PoolWaiter& w);
  void serve_pending(ClientConnection& c);
  void fail_pending(PoolFailure why, std::string_view detail);
  void connect_for_pending(bool high);
  bool connect(bool high);

  runtime::ThreadContext& thread_;
  ClusterShared& cluster_;
  List<ClientConnection, PoolLink> idle_, others_;  // others: connecting or busy
  List<PoolWaiter> pending_;
  std::uint32_t pending_count_ = 0, connecting_ = 0, connections_ = 0;
  bool retired_ = false;
};

}  // namespace outrigger::upstream
