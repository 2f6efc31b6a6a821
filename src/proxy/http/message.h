// Heads of HTTP messages. Pseudo-headers are fields; everything else is in the HeaderMap.
// Lives in the stream's arena.
#pragma once
#include <string_view>
#include "proxy/http/header_map.h"

namespace outrigger::http {

enum class Protocol : std::uint8_t { http10, http11, http2, http3 };
std::string_view text_of(Protocol p) noexcept;  // "HTTP/1.1"

/// What a client says first in HTTP/2 (RFC 9113, 3.4).
inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// application/grpc or application/grpc+x, as Envoy 1.40 has it.
bool is_grpc_type(std::string_view content_type) noexcept;

struct RequestHead {
  explicit RequestHead(Arena& a) : headers(a, MapOf::request) {}
  std::string_view method, path, authority, scheme, protocol_upgrade;  // the last: :protocol
  HeaderMap headers;
  Protocol protocol = Protocol::http11;
  /// Value by lower-case name, pseudo-headers (":path", ":authority" = "host") included.
  /// Null when absent.
  const std::string_view* find(std::string_view lower) const noexcept;
  std::string_view get(std::string_view lower) const noexcept {
    const auto* v = find(lower);
    return v == nullptr ? std::string_view{} : *v;
  }
  bool is_head() const noexcept { return method == "HEAD"; }
  bool is_connect() const noexcept { return method == "CONNECT"; }
  bool is_grpc() const noexcept { return is_grpc_type(headers.get(Name::content_type)); }
};

struct ResponseHead {
  explicit ResponseHead(Arena& a) : headers(a, MapOf::response) {}
  std::uint16_t status = 0;
  std::string_view reason{};  // to give on as received; empty: the usual one
  HeaderMap headers;
  Protocol protocol = Protocol::http11;
};

/// Why a stream ended early. The texts are Envoy's, used in bodies and details.
enum class ResetReason : std::uint8_t {
  none,
  local_reset,                // "local reset"
  local_refused_stream,       // "local refused stream reset"
  remote_reset,               // "remote reset"
  remote_refused_stream,      // "remote refused stream reset"
  local_connection_failure,   // "local connection failure"
  remote_connection_failure,  // "remote connection failure"
  connection_timeout,         // "connection timeout"
  connection_termination,     // "connection termination"
  overflow,                   // "overflow"
  connect_error,              // "remote error with CONNECT request"
  protocol_error,             // "protocol error"
  overload_manager,           // "overload manager reset"
  http1_half_close,           // "http1 premature upstream half close"
};
std::string_view text_of(ResetReason r) noexcept;

/// What a gRPC client is told of an HTTP status (gRPC: http-grpc-status-mapping).
std::uint32_t grpc_status_of(std::uint16_t http_status) noexcept;
std::string_view reason_phrase(std::uint16_t status) noexcept;  // "OK"; "Unknown"

}  // namespace outrigger::http
