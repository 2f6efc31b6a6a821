// On whose behalf a connection to an upstream is made, as far as that shows on the connection itself. Made once
// for a client's connection, immutable, shared with the pools of its worker that connect for it.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/net/proxy_header.h"
#include "proxy/net/socket_options.h"
#include "proxy/net/transport_socket.h"

namespace outrigger::net {

/// A source that need not be this machine's own (original_src).
struct ForeignSource {
  Address address;  // without a port
  std::uint32_t mark = 0;
  std::vector<RawOption> options() const;
};

struct Origin {
  ForeignSource source;            // its address is empty: any source will do
  std::vector<RawOption> options;  // that the source needs
  ProxyHeader header;              // the client's addresses, as a PROXY header tells them
  /// Connections of equal keys are as good as each other, where the source shows and that part of the header.
  std::string_view key(OriginPart shown) const noexcept { return keys_[static_cast<std::size_t>(shown)]; }
  Origin(ForeignSource s, ProxyHeader h);

 private:
  std::string keys_[2];
};
using OriginPtr = std::shared_ptr<const Origin>;

}  // namespace outrigger::net
