#include "proxy/net/dialer.h"

namespace outrigger::net {

namespace {
class SocketDialer final : public Dialer {
 public:
  std::unique_ptr<Transport> connect(event::Loop& loop, const Address& to, const ConnectOptions& o,
                                     ConnectFailure& failure) override {
    return connect_tcp(loop, to, o, failure);
  }
};
}  // namespace

Dialer& socket_dialer() noexcept {
  static SocketDialer dialer;
  return dialer;
}

}  // namespace outrigger::net
