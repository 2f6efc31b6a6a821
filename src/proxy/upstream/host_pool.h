// One host of a cluster on one worker, with its pools of HTTP connections, one for each protocol and
// priority that is asked for (and for each client's connection or each name of the peer, when the cluster wants
// that). Owned by ClusterImpl.
#pragma once
#include <array>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>
#include "proxy/base/list.h"
#include "proxy/upstream/connection_pool.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

/// A raw connection that waits until the host may have one more.
class TcpQueued {
 public:
  virtual void connect_now() = 0;

 protected:
  ~TcpQueued() = default;
};

/// A raw connection that somebody has, or that is being made.
class TcpOpen : public Link {
 public:
  virtual void on_host_failed() = 0;

 protected:
  ~TcpOpen() = default;
};

class HostPool final : public Host, private PoolOwner {
 public:
  HostPool(runtime::ThreadContext& thread, ClusterShared& cluster, const Member& member);
  ~HostPool() override;
  ClusterShared& cluster() const noexcept { return cluster_; }
  /// Answers `w`, now or later.
  void request(PoolWaiter& w);
  /// No longer a member: idle connections close, busy ones do after their requests.
  void retire();
  /// As retire(), but it stays.
  void drain();
  /// Its health was looked at: connections of one that was just ejected, or failed its checks, are not used any more. True: so it
  /// is.
  bool note_health();
  /// Tells those who have raw connections that it failed.
  void fail_tcp();
  /// Nothing is running or waiting: may be deleted once the loop turn ends.
  bool unused() const noexcept;
  std::uint32_t tcp_connections = 0;    // leases and attempts that refer to this host
  std::vector<TcpQueued*> tcp_waiting;  // in the order in which they came
  List<TcpOpen> tcp_open;
  /// By its limit of connections and its cluster's; of those that this worker has the first is always allowed.
  bool may_connect_tcp() const noexcept;
  /// A raw connection has ended, or was made: who still waits is counted once more, as in Envoy.
  void serve_tcp_waiting();

 private:
  struct Pool {
    std::unique_ptr<ConnectionPool> pool;
    bool counted = false;  // against the limit of pools
  };
  void on_pool_idle(const PoolKey& key) override;
  PoolKey key_for(const PoolWaiter& w) const;
  Pool& find(const PoolKey& key, const PoolWaiter* w = nullptr);
  bool admit(Pool& p, const PoolKey& key);
  void free_one(bool high_priority);
  std::vector<ConnectionPool*> all() const;
  runtime::ThreadContext& thread_;
  ClusterShared& cluster_;
  struct Hash {
    std::size_t operator()(const PoolKey& k) const noexcept {
      return std::hash<std::uint64_t>()(k.downstream) ^ hash_of(k.peer) ^ std::hash<std::string_view>()(k.origin) << 1;
    }
  };
  struct Pools {
    std::array<Pool, 2 * kPoolKinds> common;
    std::shared_ptr<const void> kept = std::make_shared<char>();  // by waiters, too
    std::unordered_map<PoolKey, Pool, Hash> own;  // of one client's connection or name each; the names are the pool's
  };
  std::unique_ptr<Pools> pools_;  // null: no request yet, as of most hosts of a large mesh
  bool retired_ = false;
  bool failed_ = false, ejected_ = false;  // as last noted
};

}  // namespace outrigger::upstream
