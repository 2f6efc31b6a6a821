#include "proxy/http2/flood.h"

#include <nghttp2/nghttp2.h>

namespace outrigger::http2 {

Flood FloodGuard::on_inbound(std::uint8_t type, std::uint8_t flags, std::size_t bytes) noexcept {
  switch (type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
    case NGHTTP2_DATA:
      if (bytes == 0 && (flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return ++empty_ > options_.empty_frames_max ? Flood::empty_frames : Flood::none;
      empty_ = 0;
      return Flood::none;
    case NGHTTP2_PRIORITY: {
      const auto most = std::uint64_t{options_.priority_frames_per_stream_max} * (1 + streams_opened_);
      return ++priority_ > most ? Flood::priority : Flood::none;
    }
    case NGHTTP2_WINDOW_UPDATE: {
      const auto most = 5 + 2 * (streams_opened_ + std::uint64_t{options_.window_updates_per_data_frame_max} * data_sent_);
      return ++window_updates_ > most ? Flood::window_updates : Flood::none;
    }
    default: return Flood::none;
  }
}

Flood FloodGuard::on_outbound(std::uint8_t type, std::uint64_t output_end) noexcept {
  const bool control = type == NGHTTP2_PING || type == NGHTTP2_SETTINGS || type == NGHTTP2_RST_STREAM;
  if (type == NGHTTP2_DATA) ++data_sent_;
  if (count_ < kSpans) spans_[(first_ + count_++) % kSpans] = {output_end, 0, 0};
  Span& last = spans_[(first_ + count_ - 1) % kSpans];
  last.end = output_end;
  ++last.frames;
  last.control += control ? 1 : 0;
  ++frames_;
  control_frames_ += control ? 1 : 0;
  if (control_frames_ > options_.outbound_control_frames_max) return Flood::outbound_control;
  return frames_ > options_.outbound_frames_max ? Flood::outbound : Flood::none;
}

void FloodGuard::on_written(std::uint64_t output_done) noexcept {
  while (count_ > 0 && spans_[first_].end <= output_done) {
    frames_ -= spans_[first_].frames;
    control_frames_ -= spans_[first_].control;
    first_ = (first_ + 1) % kSpans;
    --count_;
  }
}

}  // namespace outrigger::http2
