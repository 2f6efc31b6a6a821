// One endpoint as one worker sees it: its load and its pooled connections. Owned by the worker's
// Cluster; lives until its membership ended and its last stream is gone.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include "proxy/http/stream_info.h"
#include "proxy/net/origin.h"
#include "proxy/net/transport.h"
#include "proxy/net/transport_socket.h"
#include "proxy/upstream/host.h"

namespace outrigger::upstream {

/// What active checks know of a host.
enum CheckedBit : std::uint8_t {
  kCheckFailed = 1,
  kCheckDegraded = 2,
  kCheckPending = 4,    // the first has not ended, and until then the host is left out of the count
  kCheckTimeout = 8,    // the last failure was one
  kCheckExcluded = 16,  // it asked for it: left out of the count, too
  kLeaving = 32         // it is no member any more, but stays while its checks pass
};

/// Written by all workers with relaxed adds; printed by /clusters.
struct HostCounters {
  std::atomic<std::uint64_t> cx_active{0}, cx_connect_fail{0}, cx_total{0};
  std::atomic<std::uint64_t> rq_active{0}, rq_pending{0}, rq_error{0}, rq_success{0}, rq_timeout{0}, rq_total{0};
};

/// What all threads know of one host. Its counters are made when something is counted, which most hosts of a large mesh never
/// see.
class HostStats {
 public:
  HostStats() = default;
  HostStats(const HostStats&) = delete;
  HostStats& operator=(const HostStats&) = delete;
  ~HostStats() { delete counters_.load(std::memory_order_relaxed); }
  HostCounters& counters() noexcept {
    auto* made = counters_.load(std::memory_order_acquire);
    return made != nullptr ? *made : make_counters();
  }
  /// For those that only look.
  const HostCounters& counted() const noexcept;

  std::atomic<bool> picked{false};       // by an ORIGINAL_DST cluster since main last looked
  std::atomic<bool> ejected{false};      // by outlier detection; main says so
  std::atomic<std::uint8_t> checked{0};  // what active checks found, of the bits above; main says so

 private:
  HostCounters& make_counters() noexcept;
  std::atomic<HostCounters*> counters_{nullptr};
};

/// What is told of an endpoint, and what was seen of it.
inline Health health_of(const Endpoint& e, const HostStats& s) noexcept {
  const auto checked = s.checked.load(std::memory_order_relaxed);
  if ((checked & (kCheckPending | kCheckExcluded)) != 0) return Health::draining;
  if (e.health == Health::draining || e.health == Health::timeout) return e.health;
  if (s.ejected.load(std::memory_order_relaxed) || (checked & kCheckFailed) != 0) return Health::unhealthy;
  return (checked & kCheckDegraded) != 0 && is_healthy(e.health) ? Health::degraded : e.health;
}

class HostPool;  // connections of this host (upstream/host_pool.h)

class Host {
 public:
  Host(EndpointPtr e, std::shared_ptr<HostStats> s, TimePoint since, const net::UpstreamSocket* socket = nullptr)
      : socket_(socket), endpoint_(std::move(e)), first_(endpoint_), stats_(std::move(s)), since_(since) {}
  virtual ~Host() = default;
  const Endpoint& endpoint() const noexcept { return *endpoint_; }
  const EndpointPtr& endpoint_ptr() const noexcept { return endpoint_; }
  /// The same address and hostname with other facts: weight, health, metadata, priority.
  void become(EndpointPtr e) noexcept { endpoint_ = std::move(e); }
  /// Says in the facts of an attempt that it went to this host.
  void describe(http::UpstreamInfo& info) const {
    info.host = endpoint_->address;
    info.hostname = first_->hostname();  // stays as long as the host
    info.metadata = endpoint_->metadata;
  }
  /// And from where to which of its addresses.
  void describe_connection(http::UpstreamInfo& info, const net::Transport& connection) const {
    info.local = connection.local();
    if (!endpoint_->more->addresses.empty()) info.remote = connection.remote();
  }
  HostStats& stats() const noexcept { return *stats_; }
  HostCounters& counters() const noexcept { return stats_->counters(); }
  Health health() const noexcept { return health_of(*endpoint_, *stats_); }
  const std::shared_ptr<HostStats>& shared_stats() const noexcept { return stats_; }
  TimePoint since() const noexcept { return since_; }  // when it became a member
  const net::UpstreamSocket* socket() const noexcept { return socket_; }
  /// What connections to it show of the client's connection; null: nothing.
  net::OriginPtr origin_of(const http::ConnectionInfo* downstream) const;
  std::optional<stats::BlockHandle> zone_stats;            // of its cluster, once they were asked for
  std::uint32_t active_requests = 0;                       // on this worker, for least request
  std::shared_ptr<net::TransportMemory> transport_memory;  // of its connections; null: none yet

 protected:
  const net::UpstreamSocket* socket_;  // the cluster config's; null: plain
  EndpointPtr endpoint_, first_;       // now, and when it was made
  std::shared_ptr<HostStats> stats_;
  TimePoint since_;
};

}  // namespace outrigger::upstream
