// How a connection reads what its transport has: in turns with other connections, and in larger pieces while it comes fast.
// Owned by the connection, on its worker.
#pragma once
#include "proxy/net/transport.h"

namespace outrigger::net {

class ReadLoop {
 public:
  static constexpr unsigned kReadsPerTurn = 64;  // then other connections get their turn

  void set_readable() noexcept { readable_ = true; }
  bool readable() const noexcept { return readable_; }
  bool running() const noexcept { return running_; }

  /// Reads into `in` while there is something and `wants()`; `take(bytes)` is told of each read. `limit`: bytes that the
  /// connection may hold; 0: any number. Gives eof or reset when the peer has ended, and would_block otherwise.
  template <class Wants, class Take>
  IoStatus run(Transport& transport, Buffer& in, std::size_t limit, Wants&& wants, Take&& take) {
    running_ = true;
    for (unsigned reads = 0; readable_ && wants(); ++reads) {
      if (reads == kReadsPerTurn) {
        wait(transport);
        break;
      }
      const std::size_t ask = size_.next(limit);
      const auto r = transport.read(in, ask);
      if (r.status != IoStatus::ok) readable_ = false;
      if (r.status == IoStatus::would_block) break;
      if (r.status != IoStatus::ok) {
        running_ = false;
        return r.status;
      }
      size_.on_read(ask, r.bytes);
      if (r.drained) readable_ = false;
      take(r.bytes);
    }
    running_ = false;
    if (in.empty()) in.trim();
    return IoStatus::would_block;
  }
  /// It may read again.
  void resume(Transport& transport) noexcept {
    if (readable_ && !running_) wait(transport);
  }

 private:
  void wait(Transport& transport) noexcept {
    readable_ = false;
    transport.rearm();
  }
  ReadSize size_;
  bool readable_ = false, running_ = false;
};

/// Before a close: bytes that nobody has read would turn it into a reset, which takes back what the peer has not read yet.
inline void discard_unread(Transport& transport, Buffer& spare) noexcept {
  for (unsigned reads = 0; reads < ReadLoop::kReadsPerTurn; ++reads) {
    spare.clear();
    if (transport.read(spare, Buffer::kBlockBytes).status != IoStatus::ok) break;
  }
  spare.clear();
}

}  // namespace outrigger::net
