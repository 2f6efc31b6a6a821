// Where outgoing connections come from: the kernel's sockets, or memory in tests. Owned by the process
// (or by a test); used by every worker on its own thread.
#pragma once
#include <memory>
#include "proxy/net/tcp_transport.h"

namespace outrigger::net {

class Dialer {
 public:
  /// Starts to connect; the outcome comes as on_connected / on_connect_failed after start(). Null when
  /// even that fails.
  virtual std::unique_ptr<Transport> connect(event::Loop& loop, const Address& to, const ConnectOptions& o,
                                             ConnectFailure& failure) = 0;

 protected:
  ~Dialer() = default;
};

/// connect_tcp().
Dialer& socket_dialer() noexcept;

}  // namespace outrigger::net
