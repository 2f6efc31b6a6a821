// A byte stream of one connection: TCP, TLS over it, or memory in tests. Owned by exactly one
// session, on one worker; nothing here waits. Readiness is edge-triggered: after on_readable read
// until short or would_block.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include "proxy/buffer/buffer.h"
#include "proxy/net/address.h"
#include "proxy/net/tls_info.h"

namespace outrigger::net {

enum class IoStatus : std::uint8_t { ok, would_block, eof, reset };
struct IoResult {
  IoStatus status = IoStatus::ok;
  std::size_t bytes = 0;
  bool drained = false;  // the kernel has no more for now: don't ask again
};

/// Told by the transport, on its worker. After close() nothing is told.
class TransportEvents {
 public:
  virtual void on_connected() {}                          // outgoing connections only
  virtual void on_connect_failed(int /*errno_value*/) {}  // 0: failure_reason() tells
  virtual void on_readable() = 0;
  virtual void on_writable() = 0;

 protected:
  ~TransportEvents() = default;
};

/// How much a reader asks for: a block, and more while a peer keeps filling what was asked for (fewer
/// system calls for streams).
class ReadSize {
 public:
  /// `limit`: bytes that the connection may hold; 0: any number.
  std::size_t next(std::size_t limit) const noexcept {
    return limit == 0 ? size_ : std::clamp(limit / 4, Buffer::kBlockBytes, size_);
  }
  void on_read(std::size_t asked, std::size_t got) noexcept {
    if (got <= asked / 2)  // by halves: a stream's reads are often a little short
      size_ = std::max(Buffer::kBlockBytes, size_ / 2);
    else if (got >= asked && size_ < kMost)
      size_ *= 2;
  }

 private:
  static constexpr std::size_t kMost = 16 * Buffer::kBlockBytes;
  std::size_t size_ = Buffer::kBlockBytes;
};

class Transport {
 public:
  virtual ~Transport() = default;  // closes
  /// Begins to tell. Again: tells another one from now on, what is ready included.
  virtual void start(TransportEvents& events) = 0;
  virtual IoResult read(Buffer& into, std::size_t bytes_max) noexcept = 0;
  /// Copies what has come and leaves it there. Accepted sockets only, before anything is put on top of them.
  virtual IoResult peek(std::span<char> /*into*/) noexcept { return {IoStatus::reset, 0, true}; }
  /// Sends as much as the kernel takes and drains it from `from`. After would_block the next call must
  /// bring what was left, first.
  virtual IoResult write(Buffer& from) noexcept = 0;
  virtual void shutdown_write() noexcept = 0;
  /// Readiness is told again on the next turn: for a reader that stopped before would_block.
  virtual void rearm() noexcept {}
  /// The peer's FIN or RST has come, though bytes before it may wait to be read.
  virtual bool peer_closed() const noexcept { return false; }
  virtual void close() noexcept = 0;        // FIN
  virtual void close_reset() noexcept = 0;  // RST
  virtual const Address& local() const noexcept = 0;
  virtual const Address& remote() const noexcept = 0;
  /// Gives its socket away, which is closed by whoever gets it; -1: it has none. Nothing is told any more.
  virtual int release() noexcept { return -1; }
  virtual int fd() const noexcept { return -1; }  // for splice and socket options; -1: none
  /// The protocol agreed on in the TLS handshake; known from the first on_readable (or on_connected) on.
  virtual std::string_view alpn() const noexcept { return {}; }
  /// Null: not TLS. Valid from the beginning, filled by the handshake.
  virtual const std::shared_ptr<const TlsInfo>& tls() const noexcept {
    static const std::shared_ptr<const TlsInfo> kNone;
    return kNone;
  }
  /// Why it failed, in Envoy's words; empty: it did not, or the kernel's error says all.
  virtual std::string_view failure_reason() const noexcept { return {}; }
  /// Why it ended the connection by itself, as %CONNECTION_TERMINATION_DETAILS% tells; empty: it did not.
  virtual std::string_view termination_details() const noexcept { return {}; }
};

}  // namespace outrigger::net
