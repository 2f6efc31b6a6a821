// What is known about one stream (or one TCP connection): filled as it goes by its owner on its
// worker, read by access logs and formatters. Strings live in the stream's arena or outlive it.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include "proxy/base/metadata.h"
#include "proxy/base/time.h"
#include "proxy/http/filter_state.h"
#include "proxy/http/message.h"
#include "proxy/http/response_flags.h"
#include "proxy/net/address.h"
#include "proxy/net/tls_info.h"

namespace outrigger::net {
struct Origin;
}

namespace outrigger::http {

/// How a connection ended: %DOWNSTREAM_DETECTED_CLOSE_TYPE%, %UPSTREAM_DETECTED_CLOSE_TYPE%.
enum class CloseType : std::uint8_t { normal, local_reset, remote_reset };

/// Bytes of one stream on one connection: all, those of header blocks, and those before compression.
struct ByteMeter {
  std::uint64_t wire_received = 0, wire_sent = 0;
  std::uint64_t header_received = 0, header_sent = 0;
  std::uint64_t plain_received = 0, plain_sent = 0;
};

struct ConnectionFacts;

/// What filters in front of whoever serves a connection say of its bytes.
enum class Gate : std::uint8_t { open, held, denied };

/// Facts of one downstream connection; owned by its session.
struct ConnectionInfo {
  ConnectionInfo();
  ConnectionInfo(ConnectionInfo&&) noexcept;
  ConnectionInfo& operator=(ConnectionInfo&&) noexcept;
  ~ConnectionInfo();
  std::uint64_t id = 0;
  net::Address local;          // as seen by the client (after original_dst)
  net::Address direct_remote;  // the socket's peer
  net::Address remote;         // after PROXY protocol
  std::string_view requested_server_name;
  std::string_view transport_protocol = "raw_buffer";  // as detected
  bool local_restored = false;                         // `local` is what the client asked for, not where it came in
  bool tells_addresses = true;                         // to upstreams that want a PROXY header
  bool leads_back = false;  // ... and that is this listener itself: a connection to it would go on for ever
  std::string_view filter_chain_name;
  std::string_view listener_name;
  const Metadata* listener_metadata = nullptr;
  const Metadata* filter_chain_metadata = nullptr;
  FilterState filter_state;
  std::shared_ptr<const net::TlsInfo> tls;                 // null: plain
  mutable std::string client_cert_text, client_cert_json;  // of x-forwarded-client-cert; made when first needed
  std::string_view termination_details;
  std::string_view local_close_reason;
  std::string_view transport_failure_reason;
  CloseType close_type = CloseType::normal;
  TimePoint start{};
  /// What filters found; null: nothing.
  const ConnectionFacts* found() const noexcept { return facts_.get(); }
  ConnectionFacts& facts();
  /// For filters in front that act then: its TLS handshake may be done; its first bytes are there, or its end.
  void note_handshake(TimePoint now, WallTime wall) {
    if (facts_ != nullptr && tls != nullptr) run_late_steps(now, wall);
  }
  void note_data(TimePoint now, WallTime wall, std::uint64_t bytes) {
    if (facts_ != nullptr) run_late_steps(now, wall, bytes);
  }
  /// By such filters: is what the client has sent held back for now?
  bool held() const noexcept { return facts_ != nullptr && is_held(); }
  /// May it go further? Once it is held no more, `go_on` is called, which begins with note_data().
  template <class F>
  Gate gate(F go_on) {
    return facts_ == nullptr ? Gate::open : gate_of_facts(std::move(go_on));
  }
  /// What connections to upstreams may show of this one.
  const std::shared_ptr<const net::Origin>& origin() const;
  /// Must those come from the client's own address?
  bool has_upstream_source() const noexcept;
  /// Filter state and dynamic metadata are the listener's: another one that takes over begins anew.
  void forget_state();

 private:
  bool is_held() const noexcept;
  Gate gate_of_facts(std::function<void()> go_on);
  void run_late_steps(TimePoint now, WallTime wall, std::optional<std::uint64_t> bytes = {});
  mutable std::unique_ptr<ConnectionFacts> facts_;
};

/// Facts of the last upstream attempt.
struct UpstreamInfo {
  net::Address host;  // empty: none chosen
  std::string_view hostname;
  MetadataPtr metadata;  // of the endpoint
  net::Address local;
  net::Address remote;  // empty: the host's only one
  const net::Address& remote_or_host() const noexcept { return remote.empty() ? host : remote; }
  std::uint64_t connection_id = 0;
  std::string_view transport_failure_reason, local_close_reason;
  CloseType close_type = CloseType::normal;
  std::shared_ptr<const net::TlsInfo> tls;  // null: plain, or never connected
  Protocol protocol = Protocol::http11;
  TimePoint pool_start{}, pool_ready{};  // asked for a connection, got one (or not)
  TimePoint connect_start{}, connect_end{}, handshake_end{};
  TimePoint first_tx{}, last_tx{}, first_rx{}, first_body_rx{}, last_rx{};
  ByteMeter bytes;
  /// What goes on changing after the attempt was given its connection.
  void take_times(const UpstreamInfo& from) noexcept {
    first_tx = from.first_tx, last_tx = from.last_tx;
    first_rx = from.first_rx, first_body_rx = from.first_body_rx, last_rx = from.last_rx;
  }
};

struct StreamInfo {
  /// What is to be said of a connection as a whole, which outlives it. `now` and `wall` are the same time.
  static StreamInfo of_connection(const ConnectionInfo& c, TimePoint now, WallTime wall) {
    StreamInfo s;
    s.connection = &c;
    s.has_protocol = false;
    s.start = c.start;
    s.start_wall = wall - (now - c.start);
    return s;
  }
  const ConnectionInfo* connection = nullptr;
  net::Address remote_override;  // from x-forwarded-for; empty: connection->remote
  std::uint64_t stream_id = 0;
  WallTime start_wall{};
  TimePoint start{};
  TimePoint last_downstream_rx{}, first_downstream_tx{}, last_downstream_tx{}, end{};  // {}: not yet
  Protocol protocol = Protocol::http11;
  bool has_protocol = true;  // false: plain TCP
  bool is_try = false;       // of the router's log of its tries
  bool is_internal = false;  // request from an internal address
  bool health_check = false;
  bool traced = false;
  std::uint16_t response_code = 0;
  ResponseFlags flags;
  std::string_view details;                          // %RESPONSE_CODE_DETAILS%
  std::uint64_t bytes_received = 0, bytes_sent = 0;  // bodies
  ByteMeter bytes, upstream_bytes;                   // the latter: of all attempts
  std::uint32_t attempt_count = 0;
  std::uint32_t route_resolutions = 0;
  Duration route_time{0};  // spent on them; measured when someone asks for it
  /// Set for good by the main thread when a format is compiled that prints the time above.
  static inline std::atomic<bool> times_routes{false};
  std::uint32_t connection_header_bytes = 0;  // of the response's connection header, which is not in its map
  std::string_view route_name, virtual_host, virtual_cluster;
  std::string_view cluster;  // observability name (alt_stat_name when set)
  std::string_view cluster_raw;
  const Metadata* route_metadata = nullptr;
  const Metadata* virtual_host_metadata = nullptr;
  MetadataPtr dynamic_metadata;  // what filters wrote
  FilterState filter_state;
  MetadataPtr cluster_metadata;
  std::string_view local_reply_body;
  std::optional<UpstreamInfo> upstream;
  /// `observability`: empty when it is the name.
  void set_cluster(std::string_view name, std::string_view observability, const MetadataPtr& metadata) noexcept {
    cluster = observability.empty() ? name : observability;
    cluster_raw = name;
    cluster_metadata = metadata;
  }
  const net::Address& remote() const noexcept { return remote_override.empty() ? connection->remote : remote_override; }
};

}  // namespace outrigger::http
