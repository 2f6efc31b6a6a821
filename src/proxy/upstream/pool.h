// What the router asks of a cluster on one worker: pick a host, get a stream on a pooled HTTP
// connection (or a TCP connection), with circuit limits. All on the worker's thread.
#pragma once
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include "proxy/base/list.h"
#include "proxy/base/text.h"
#include "proxy/http/message.h"
#include "proxy/http/stream_info.h"
#include "proxy/net/transport.h"
#include "proxy/upstream/cluster_config.h"

namespace outrigger::upstream {

class Host;     // one endpoint on this worker: load, health, connections (upstream/worker_host.h)
class Cluster;  // one cluster on this worker (upstream/cluster.h)

/// Told which host a request goes to, when that could not be said at once.
class HostWaiter {
 public:
  /// Null: there is none; `details` say why.
  virtual void on_host(Host* host, std::string_view details) = 0;

 protected:
  ~HostWaiter() = default;
};
/// A host that is waited for; nothing is told once it is destroyed.
class PendingHost {
 public:
  virtual ~PendingHost() = default;
};
/// Of a pick that may take longer (dynamic forward proxies).
struct LaterHost {
  HostWaiter& waiter;
  std::unique_ptr<PendingHost> pending{};  // set: the waiter will be told
  std::string details{};                   // else, without a host: why; empty: as usual
};

/// What a pick may look at.
struct PickContext {
  /// Where the client's connection wanted to go, for ORIGINAL_DST.
  void follow(const http::ConnectionInfo& connection) noexcept;
  std::optional<std::uint64_t> hash;
  bool* hash_used = nullptr;                   // told: a host was chosen by it; null: nobody asks
  std::string_view wanted;                     // the host that the session has, by its address; empty: none
  bool wanted_only = false;                    // no other will do
  const MetadataValue* subset = nullptr;       // what the route asks of hosts' metadata; null: nothing
  const http::RequestHead* request = nullptr;  // ORIGINAL_DST by header
  const net::Address* original_dst = nullptr;  // ORIGINAL_DST by socket
  /// ORIGINAL_DST by dynamic metadata: the request's, then the connection's. Null: none.
  const Metadata* metadata[2] = {};
  const http::FilterState* state = nullptr;  // ORIGINAL_DST by that; null: none
  /// Retry: asked up to attempts_max more times while it returns true.
  const class HostFilter* avoid = nullptr;
  std::uint32_t attempts_max = 1;
  struct Priorities* priorities = nullptr;       // null: all take part
  struct NamedHosts* named = nullptr;            // of clusters with override_host; null: this pick is the only one
  std::string_view server_name{};                // that the client's connection asked for
  LaterHost* later = nullptr;                    // null: now, or there is none
  const struct PriorityChoice* level = nullptr;  // an aggregate has chosen the priority, and which hosts of it; null: by health
};
/// Priorities that a request has tried and shall not try again while others can take it.
struct Priorities {
  static constexpr std::uint32_t kMax = 128;
  std::bitset<kMax> excluded;
  bool exhausted = false;  // told: all were, so all take part again
};
/// How far the picks for one request have come with the hosts that it names.
struct NamedHosts {
  std::uint32_t used = 0;
  bool asked = false;  // told: the policy has chosen, by name or otherwise
};
class HostFilter {
 public:
  virtual bool rejects(const Host& h) const noexcept = 0;

 protected:
  ~HostFilter() = default;
};

/// Told about one request on an upstream connection. Ends with a final end_stream event or
/// on_reset, after which the stream is gone. `body` may be drained or moved away by the receiver.
class ClientStreamEvents {
 public:
  virtual void on_informational(http::ResponseHead& head) = 0;  // 1xx but 101
  virtual void on_head(http::ResponseHead& head, bool end_stream) = 0;
  virtual void on_body(Buffer& body, bool end_stream) = 0;
  virtual void on_trailers(http::HeaderMap& trailers) = 0;
  /// `detail`: transport failure or codec detail; static or valid during the call.
  virtual void on_reset(http::ResetReason reason, std::string_view detail) = 0;
  /// Output queued above the cluster's buffer limit, and drained again.
  virtual void on_above_high_watermark() = 0;
  virtual void on_below_low_watermark() = 0;

 protected:
  ~ClientStreamEvents() = default;
};

/// One request on an upstream connection; owned by the connection.
class ClientStream {
 public:
  /// Response strings are put in `arena`, which must outlive the stream.
  virtual void send_head(const http::RequestHead& head, bool end_stream) = 0;
  virtual void send_body(Buffer& body, bool end_stream) = 0;
  virtual void send_trailers(const http::HeaderMap& trailers) = 0;
  /// The caller is done with it (timeout, client gone): no event follows.
  virtual void cancel() = 0;
  virtual void read_disable(bool disable) = 0;
  virtual void become_tunnel() = 0;  // after 101 / CONNECT 2xx: bytes both ways
  virtual http::UpstreamInfo& info() = 0;
  virtual bool request_sent_any() const noexcept = 0;  // a byte has reached the socket

 protected:
  ~ClientStream() = default;
};

/// Which protocol the connections of a pool speak.
enum class PoolKind : std::uint8_t { http1, http2, negotiated };
inline constexpr std::size_t kPoolKinds = 3;

/// `no_pool`: the cluster may have no more pools (max_connection_pools).
enum class PoolFailure : std::uint8_t { overflow, connect_failed, connect_timeout, local_failure, no_pool };

class PoolWaiter;

/// Whom a request's connection must reach and how, where that is taken from the request or filter state; empty: as the
/// cluster's config says. Requests share connections with those of equal names only.
struct PeerNames {
  std::string_view server_name;        // SNI
  std::string_view certificate_name;   // the certificate must have it
  std::string_view certificate_names;  // with commas: one of these instead
  std::string_view protocols;          // with commas: ALPN
  std::uint64_t shared = 0;            // tells filter state apart that goes along
  bool empty() const noexcept {
    return server_name.empty() && certificate_name.empty() && certificate_names.empty() && protocols.empty() && shared == 0;
  }
  bool operator==(const PeerNames& o) const noexcept {
    return shared == o.shared && iequals(server_name, o.server_name) && iequals(certificate_name, o.certificate_name) &&
           iequals(certificate_names, o.certificate_names) && iequals(protocols, o.protocols);
  }
};

/// Where a waiter is queued: told when it leaves before its turn.
class PendingQueue {
 public:
  virtual void on_waiter_cancelled(PoolWaiter& w) = 0;

 protected:
  ~PendingQueue() = default;
};

/// Waits for a stream; a member (or base) of the attempt.
class PoolWaiter : public Link {
 public:
  virtual void on_pool_ready(ClientStream& stream, Host& host) = 0;
  virtual void on_pool_failure(PoolFailure why, std::string_view detail, Host* host) = 0;
  virtual ClientStreamEvents& events() = 0;
  virtual Arena& arena() = 0;
  virtual bool is_connect_or_upgrade() const noexcept { return false; }
  /// The request may go on when its response has ended: then the stream stays, until it has ended too.
  virtual bool sends_after_response() const noexcept { return false; }
  /// Leaves the queue, when it is in one. No answer follows.
  void cancel_pending() {
    if (queue == nullptr) return;
    PendingQueue* q = queue;
    queue = nullptr;
    unlink();
    q->on_waiter_cancelled(*this);
  }
  bool high_priority = false;
  http::Protocol downstream_protocol = http::Protocol::http11;
  std::uint64_t downstream_connection = 0;  // for clusters with pools for each
  /// The client's connection; null: none, or it must not show. Valid while it is asked for a connection.
  const http::ConnectionInfo* downstream = nullptr;
  PeerNames peer;                            // valid while it is asked for a connection
  const http::FilterState* state = nullptr;  // its own, as long; null: none
  PendingQueue* queue = nullptr;             // the pool's
  /// Keeps the host that was asked last, which may be another cluster's (of an aggregate). It may outlive the host: a worker that
  /// stops drops its clusters first.
  std::shared_ptr<const void> host_kept;

 protected:
  PoolWaiter() = default;
  ~PoolWaiter() { cancel_pending(); }
};

}  // namespace outrigger::upstream
