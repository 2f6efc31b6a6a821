// Settings and limits of HTTP/2 on one connection, compiled from Http2ProtocolOptions and
// HttpProtocolOptions. Immutable; shared by workers.
#pragma once
#include <cstdint>
#include <optional>
#include "proxy/base/time.h"
#include "proxy/http/codec_options.h"

namespace outrigger::http2 {

/// connection_keepalive: a PING every `interval`, the connection is lost when none is answered in `timeout`.
struct Keepalive {
  std::optional<Duration> interval;  // none: no regular PING
  Duration timeout{0};
  std::uint32_t jitter_percent = 15;
  std::optional<Duration> idle_interval;  // a PING before the first request after so long without one
};

/// Envoy's defaults.
struct Options {
  std::uint32_t hpack_table_bytes = 4096;
  std::uint32_t streams_max = 1024;
  std::uint32_t stream_window_bytes = 16 * 1024 * 1024;
  std::uint32_t connection_window_bytes = 24 * 1024 * 1024;
  bool allow_connect = false;  // extended CONNECT (RFC 8441)
  bool stream_error_on_invalid_message = false;
  std::uint32_t outbound_frames_max = 10000;
  std::uint32_t outbound_control_frames_max = 1000;
  std::uint32_t empty_frames_max = 1;  // in a row
  std::uint32_t priority_frames_per_stream_max = 100;
  std::uint32_t window_updates_per_data_frame_max = 10;
  std::optional<Keepalive> keepalive;
  http::UnderscoreAction underscores = http::UnderscoreAction::allow;
  std::uint32_t headers_kb_max = 60;
  std::uint32_t headers_max = 100;
};

}  // namespace outrigger::http2
