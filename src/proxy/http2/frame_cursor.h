// Where frames begin in the bytes of a connection: nghttp2 does not tell of DATA that it ignores. Held by the codec of a server.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace outrigger::http2 {

class FrameCursor {
 public:
  struct Data {
    std::size_t bytes;       // of the run, up to the last one of the frame's head, which comes next
    std::int32_t stream_id;  // negative: none, the run is over
  };

  /// The next DATA frame of a run, or of what is left of it: the byte that it stopped at is not given again.
  Data next_data(std::string_view run) noexcept {
    std::size_t at = 0;
    while (at < run.size()) {
      if (left_ > 0) {
        const std::size_t n = std::min<std::size_t>(left_, run.size() - at);
        left_ -= static_cast<std::uint32_t>(n);
        at += n;
        continue;
      }
      if (take(static_cast<std::uint8_t>(run[at])) && type_ == 0) return {at, id_};
      ++at;
    }
    return {at, -1};
  }

 private:
  /// True: the head is complete.
  bool take(std::uint8_t byte) noexcept {
    if (have_ < 3)
      length_ = length_ << 8 | byte;
    else if (have_ == 3)
      type_ = byte;
    else if (have_ > 4)
      id_bits_ = id_bits_ << 8 | byte;
    if (++have_ < 9) return false;
    left_ = length_;
    id_ = static_cast<std::int32_t>(id_bits_ & 0x7fffffff);
    length_ = id_bits_ = 0;
    have_ = 0;
    return true;
  }
  static constexpr std::uint32_t kPrefaceBytes = 24;
  std::uint32_t left_ = kPrefaceBytes;  // of the payload
  std::uint32_t length_ = 0, id_bits_ = 0;
  std::int32_t id_ = 0;
  std::uint8_t have_ = 0, type_ = 0;  // of the head
};

}  // namespace outrigger::http2
