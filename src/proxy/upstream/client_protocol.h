// One protocol on an upstream connection: HTTP/1 carries one request at a time, HTTP/2 many. Owned by
// its ClientConnection; worker's thread.
#pragma once
#include <cstdint>
#include "proxy/buffer/buffer.h"
#include "proxy/upstream/pool.h"

namespace outrigger::upstream {

class ClientProtocol {
 public:
  virtual ~ClientProtocol() = default;
  virtual http::Protocol protocol() const noexcept = 0;
  /// Serves `w` from now on; tells it. Only when room() > 0.
  virtual void attach(PoolWaiter& w) = 0;
  virtual void feed(Buffer& in) = 0;
  virtual bool wants_bytes() const noexcept = 0;
  /// Puts what is ready to go into the connection's output.
  virtual void fill_output() {}
  /// There was more than fill_output() put into it at once.
  virtual bool has_more() const noexcept { return false; }
  virtual void on_bytes_sent(std::size_t bytes) noexcept = 0;
  virtual void on_bytes_received(std::size_t bytes) noexcept = 0;
  /// The connection's output rose above its limit, and fell below half of it again.
  virtual void on_output_above() = 0;
  virtual void on_output_below() = 0;
  /// Requests that run.
  virtual std::uint32_t active() const noexcept = 0;
  /// How many more requests it can take now.
  virtual std::uint32_t room() const noexcept = 0;
  /// Nothing more is read or written.
  virtual void stop() noexcept = 0;
  /// The peer closed: ends what runs, and the connection.
  virtual void on_peer_closed(bool reset) = 0;
};

}  // namespace outrigger::upstream
