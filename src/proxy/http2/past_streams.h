// What a server remembers of streams that are over or were left out, to tell a client that goes on with one of them: nghttp2
// forgets them at once. A few of the last; held by the codec.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace outrigger::http2 {

class PastStreams {
 public:
  /// How the client ended it, or that it never opened it. unknown: anything else, or too long ago.
  enum class End : std::uint8_t { unknown, left_out, ended, reset };

  /// A head came. False: the id is not above all before.
  bool on_head(std::int32_t id) noexcept {
    if (id <= last_) return false;
    left_out_from_ = id > last_ + 2 ? last_ + 2 : id;
    left_out_to_ = id;
    last_ = id;
    return true;
  }
  void on_closed(std::int32_t id, End how) noexcept { past_[next_++ % past_.size()] = {id, how}; }
  End find(std::int32_t id) const noexcept {
    for (const auto& p : past_)
      if (p.id == id) return p.how;
    return id >= left_out_from_ && id < left_out_to_ ? End::left_out : End::unknown;
  }

 private:
  struct Past {
    std::int32_t id = 0;
    End how = End::unknown;
  };
  std::array<Past, 16> past_{};
  std::size_t next_ = 0;
  std::int32_t last_ = -1;  // ids are odd
  std::int32_t left_out_from_ = 0, left_out_to_ = 0;
};

}  // namespace outrigger::http2
