// The HTTP connections of one protocol and priority to one host on one worker: those with room for a request
// (the last used first), waiting requests, new connections on demand within the circuit limits. Owned by HostPool.
#pragma once
#include <memory>
#include <string>
#include <vector>
#include "proxy/net/origin.h"
#include "proxy/upstream/client_connection.h"
#include "proxy/upstream/demands.h"
#include "proxy/upstream/pool.h"
#include "proxy/upstream/shared.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

/// What a pool's connections have in common.
struct PoolKey {
  PoolKind kind = PoolKind::http1;
  bool high_priority = false;
  std::uint64_t downstream = 0;  // the client's connection, when each has pools of its own
  PeerNames peer;                // of all its requests
  std::string_view origin;       // key of the clients that its connections are made for; empty: of any
  bool operator==(const PoolKey&) const = default;
  /// Of few: not one of those that go when they idle.
  bool common() const noexcept { return downstream == 0 && peer.empty() && origin.empty(); }
};

class PoolOwner {
 public:
  /// Neither connections nor waiting requests are left. May be told more than once.
  virtual void on_pool_idle(const PoolKey& key) = 0;

 protected:
  ~PoolOwner() = default;
};

class ConnectionPool final : private ClientConnectionOwner, private PendingQueue {
 public:
  /// Keeps a copy of the names. `origin`: null: any.
  ConnectionPool(runtime::ThreadContext& thread, ClusterShared& cluster, Host& host, const PoolKey& key, net::OriginPtr origin,
                 PoolOwner& owner);
  ~ConnectionPool();
  /// Answers `w`, now or later.
  void request(PoolWaiter& w);
  /// No longer a member: idle connections close, busy ones do after their requests.
  void retire();
  /// Membership changed and the cluster wants its connections to end with that: as retire(), but new ones may come.
  void drain();
  std::uint32_t connections() const noexcept { return connections_; }
  bool idle() const noexcept { return connections_ == 0 && pending_count_ == 0; }
  bool busy() const noexcept { return active_ > 0 || pending_count_ > 0; }
  const PoolKey& key() const noexcept { return key_; }

 private:
  // ClientConnectionOwner
  void on_connected(ClientConnection& c) override;
  void on_closed(ClientConnection& c, std::optional<PoolFailure> failure, std::string_view detail) override;
  void on_reusable(ClientConnection& c) override;
  void on_request_done() override;
  void on_draining(ClientConnection& c) override;
  // PendingQueue
  void on_waiter_cancelled(PoolWaiter& w) override;

  CircuitState& circuit() noexcept { return cluster_.circuit[key_.high_priority ? 1 : 0]; }
  void use(ClientConnection& c, PoolWaiter& w);
  void fail(PoolWaiter& w, PoolFailure why, std::string_view detail) { w.on_pool_failure(why, detail, &host_); }
  void enqueue(PoolWaiter& w);
  void leave_queue(PoolWaiter& w);
  void serve_pending(ClientConnection& c);
  void fail_pending(PoolFailure why, std::string_view detail);
  void connect_as_needed();
  bool needs_connection() noexcept;
  bool connect();
  void connect_failed_at_once(const net::ConnectFailure& failure);
  std::uint32_t streams_expected() const noexcept;
  void tell_if_idle() {
    if (idle() && !ending_) owner_.on_pool_idle(key_);
  }

  runtime::ThreadContext& thread_;
  ClusterShared& cluster_;
  Host& host_;
  PoolKey key_;
  PoolOwner& owner_;
  Demands demands_;  // what goes along is of the request that found it idle, as with Envoy
  net::OriginPtr origin_;
  std::string origin_key_;
  List<ClientConnection, PoolLink> ready_, others_;  // others: connecting, full or draining
  List<PoolWaiter> pending_;
  std::uint32_t pending_count_ = 0, connecting_ = 0, connections_ = 0, active_ = 0;
  bool retired_ = false, ending_ = false;
};

}  // namespace outrigger::upstream
