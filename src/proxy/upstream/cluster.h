// One cluster on one worker: load balancing over its hosts, pooled HTTP connections, raw TCP
// connections, circuit limits (shared by all workers). Owned by WorkerClusters.
#pragma once
#include <memory>
#include <string_view>
#include <utility>
#include "proxy/runtime/thread_context.h"
#include "proxy/stats/names.h"
#include "proxy/upstream/cluster_config.h"
#include "proxy/upstream/pool.h"
#include "proxy/upstream/shared.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

/// A raw connection for tcp_proxy. The transport is connected; the lease returns the circuit slot and
/// the connection counters when destroyed.
class TcpLease {
 public:
  virtual ~TcpLease() = default;
  virtual net::Transport& transport() noexcept = 0;
  virtual Host& host() noexcept = 0;
  virtual std::uint64_t connection_id() const noexcept = 0;
  /// Says how it ended before it is destroyed (upstream_cx_destroy_remote or _local).
  virtual void closed_by_remote() noexcept = 0;
  /// Its end is that of both directions: nothing more can be sent either.
  virtual bool over() const noexcept { return false; }
};
class TcpWaiter {
 public:
  virtual void on_tcp_ready(std::unique_ptr<TcpLease> lease) = 0;
  /// Overflow of a host: enough wait for its connections; without one: the cluster has enough connections.
  virtual void on_tcp_failure(PoolFailure why, std::string_view detail, Host* host) = 0;
  /// The host of its connection has failed, and the cluster wants such connections closed. The lease may go.
  virtual void on_tcp_host_failed() {}
  const http::ConnectionInfo* downstream = nullptr;  // the client's; null: none. Outlives the attempt and its lease
  const http::FilterState* state = nullptr;          // shows on the connection; valid while it is asked for; null: none
  std::string_view alpn{};                           // as on the wire; offered when the cluster's config has none

 protected:
  ~TcpWaiter() = default;
};
/// A connection attempt under way; destruction cancels it.
class TcpAttempt {
 public:
  virtual ~TcpAttempt() = default;
  /// The host took the connection and is asked for more.
  virtual bool connected() const noexcept { return false; }
};

enum class Outcome : std::uint8_t { success, error, timeout };

/// What outlier detection sees of an attempt on a host. (Envoy: Outlier::Result.)
enum class Sight : std::uint8_t {
  answer,          // the host's, with a code
  connected,       // the host's answer is still to come
  connected_only,  // more isn't looked at
  timeout,         // of the connection, or of the answer
  failed           // no connection, or it broke before the answer
};

class Cluster {
 public:
  virtual ~Cluster() = default;
  virtual const ClusterConfig& config() const noexcept = 0;
  virtual stats::BlockHandle stats() const noexcept = 0;
  /// All members, and those that are healthy or degraded.
  struct MemberCounts {
    std::uint64_t all = 0, usable = 0;
  };
  virtual MemberCounts members() const noexcept = 0;
  /// As it came with the members.
  virtual const AssignmentPolicy& policy() const noexcept = 0;
  virtual const Tracking& tracking() const noexcept = 0;
  /// The second set of stats that a client asked for (x-envoy-upstream-alt-stat-name).
  virtual stats::BlockHandle alt_stats(std::string_view name) noexcept = 0;
  /// What is counted of requests from this proxy's zone to the host's ("zone.<from>.<to>."); none: one of them is not told.
  virtual stats::BlockHandle zone_stats(Host& host) noexcept = 0;
  /// Is it a member, whatever its health?
  virtual bool has_host(std::string_view address) = 0;
  /// May hosts be chosen by the request's hash?
  virtual bool may_hash() noexcept = 0;
  /// Among those that a pick chooses from; of an aggregate: of all its clusters. UINT32_MAX: it is not there any more.
  virtual std::uint32_t priority_of(const Host& host) noexcept = 0;
  /// The cluster that has the host.
  virtual const ClusterShared& owner_of(const Host& host) const noexcept = 0;
  /// Null: no host can be used (503 no healthy upstream). Never blocks. An aggregate's hosts are its clusters': what is asked
  /// here of a host goes to its own.
  virtual Host* pick(const PickContext& c) = 0;
  /// Answers through the waiter, possibly before it returns; otherwise the waiter is queued until
  /// it is destroyed or unlinked.
  virtual void request_stream(Host& host, PoolWaiter& waiter) = 0;
  /// Do the circuit limits leave room for a connection? Counted when they don't.
  virtual bool admits_connection() noexcept { return true; }
  /// Null when the answer was given before returning.
  virtual std::unique_ptr<TcpAttempt> connect(Host& host, TcpWaiter& waiter) = 0;
  /// Circuit limit for concurrent retries (or the retry budget). Pair with retry_done().
  virtual bool try_retry(bool high_priority) noexcept = 0;
  virtual void retry_done(bool high_priority) noexcept = 0;
  /// How an attempt on a host ended, for the host's stats.
  virtual void report(Host& host, Outcome outcome) noexcept = 0;
  /// For outlier detection. `code` is what a sight other than an answer stands for; 0: as usual.
  virtual void see(Host& host, Sight sight, std::uint16_t code = 0) noexcept = 0;
  /// The host's answer asks that no more is sent to it (x-envoy-immediate-health-check-fail): as a failed check.
  virtual void fail_check(Host& host) noexcept = 0;

 protected:
  bool in_use() const noexcept { return users_ > 0; }

 private:
  friend class ClusterRef;
  std::uint32_t users_ = 0;  // ClusterRefs
};

/// Whoever keeps a Cluster beyond a call: it stays until nobody does, though its config may have been removed
/// or replaced meanwhile. Confined to the worker.
class ClusterRef {
 public:
  ClusterRef(Cluster* c = nullptr) noexcept : cluster_(c) {
    if (cluster_ != nullptr) ++cluster_->users_;
  }
  ClusterRef(const ClusterRef& other) noexcept : ClusterRef(other.cluster_) {}
  ClusterRef& operator=(ClusterRef other) noexcept {
    std::swap(cluster_, other.cluster_);
    return *this;
  }
  ~ClusterRef() {
    if (cluster_ != nullptr) --cluster_->users_;
  }
  Cluster* operator->() const noexcept { return cluster_; }
  Cluster& operator*() const noexcept { return *cluster_; }
  bool operator==(std::nullptr_t) const noexcept { return cluster_ == nullptr; }

 private:
  Cluster* cluster_;
};

/// All clusters on one worker. Lookup is a hash of the name.
class ClusterSource {
 public:
  virtual Cluster* find(std::string_view name) noexcept = 0;

 protected:
  ~ClusterSource() = default;
};

}  // namespace outrigger::upstream
