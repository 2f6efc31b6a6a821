// Counts the frames of one HTTP/2 connection against Envoy's limits, which stop a peer that makes us
// work (or queue) without end. Pure arithmetic; owned by its Codec.
#pragma once
#include <cstdint>
#include <string_view>
#include "proxy/http2/options.h"

namespace outrigger::http2 {

enum class Flood : std::uint8_t { none, empty_frames, priority, window_updates, outbound_control, outbound };

class FloodGuard {
 public:
  explicit FloodGuard(const Options& o) noexcept : options_(o) {}

  void on_stream_opened() noexcept { ++streams_opened_; }
  /// A frame begins; `bytes` of payload.
  Flood on_inbound(std::uint8_t type, std::uint8_t flags, std::size_t bytes) noexcept;
  /// A frame was put into the output, which now ends at `output_end` (bytes ever written to it).
  Flood on_outbound(std::uint8_t type, std::uint64_t output_end) noexcept;
  /// The peer's socket took all output up to here.
  void on_written(std::uint64_t output_done) noexcept;
  std::uint32_t outbound_frames() const noexcept { return frames_; }
  std::uint32_t outbound_control_frames() const noexcept { return control_frames_; }

 private:
  /// Frames of the output up to a position that wait for the socket. Few: neighbours are joined.
  struct Span {
    std::uint64_t end = 0;
    std::uint32_t frames = 0, control = 0;
  };
  static constexpr std::uint32_t kSpans = 16;
  const Options& options_;
  std::uint64_t streams_opened_ = 0, priority_ = 0, window_updates_ = 0, data_sent_ = 0;
  std::uint32_t empty_ = 0;
  std::uint32_t frames_ = 0, control_frames_ = 0;
  Span spans_[kSpans];
  std::uint32_t first_ = 0, count_ = 0;
};

}  // namespace outrigger::http2
