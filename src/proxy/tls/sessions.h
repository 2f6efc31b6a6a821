// TLS sessions to resume, of the connections from one worker to one host. Owned by the host's pool and
// by connections that may still bring one.
#pragma once
#include <cstdint>
#include <string>
#include <vector>
#include "proxy/net/transport_socket.h"
#include "proxy/tls/openssl.h"

namespace outrigger::tls {

class Sessions final : public net::TransportMemory {
 public:
  struct Entry {
    std::uint64_t context = 0;  // sessions are good for the context that made them only,
    std::string demands;        // and for the same server name and peer names
    bool validated = false;
    SessionPtr session;
  };
  /// Keeps at most `max` for the same context and demands: the newest.
  void add(Entry e, std::size_t max);
  /// The newest; a TLS 1.3 one is used once. Null session: none.
  Entry take(std::uint64_t context, const std::string& demands, bool allow_expired);

 private:
  static constexpr std::size_t kAllMax = 32;
  std::vector<Entry> entries_;
};

}  // namespace outrigger::tls
