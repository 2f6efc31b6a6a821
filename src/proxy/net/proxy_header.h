// The PROXY protocol's header, versions 1 and 2: read from hostile bytes, and written. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/net/address.h"

namespace outrigger::net {

struct ProxyTlv {
  std::uint8_t type = 0;
  std::string value;
};

struct ProxyHeader {
  std::uint8_t version = 2;
  bool local = false;  // says nothing of addresses (v2 LOCAL, v1 UNKNOWN)
  Address source, destination;
  std::vector<ProxyTlv> tlvs;
};

struct ProxyParse {
  enum Status : std::uint8_t {
    more,
    complete,
    malformed,
    absent,  // this cannot become a header
  } status = more;
  std::uint8_t version = 0;  // 0: not known yet
  std::size_t bytes = 0;     // of the header; while `more`: how many are needed at least, 0: not known
};
/// `optional`: what does not begin like a header is `absent` at once, not only once it would be too long.
ProxyParse parse_proxy_header(std::string_view bytes, bool optional, ProxyHeader& out);

/// "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"; of addresses that are no IPs, or of two kinds: "PROXY UNKNOWN\r\n".
std::string write_proxy_v1(const Address& source, const Address& destination);
/// TLVs that do not fit are left out, which `left_out` tells; without addresses a LOCAL header.
std::string write_proxy_v2(const Address* source, const Address* destination, const std::vector<ProxyTlv>& tlvs,
                           bool* left_out = nullptr);

}  // namespace outrigger::net
