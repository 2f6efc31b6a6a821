#include "proxy/upstream/peer_names.h"

namespace outrigger::upstream {

namespace {

/// Without the port, and without the brackets of an IPv6 address.
std::string_view host_of(std::string_view authority) noexcept {
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    return end == authority.npos ? authority : authority.substr(1, end - 1);
  }
  const auto colon = authority.rfind(':');
  if (colon == authority.npos || authority.find(':') != colon) return authority;  // none, or an IPv6 address
  const auto port = authority.substr(colon + 1);
  return port.find_first_not_of("0123456789") == port.npos ? authority.substr(0, colon) : authority;
}

}  // namespace

PeerNames peer_names_of(const ClusterConfig& c, const http::RequestHead& head) {
  PeerNames out;
  if (!c.auto_sni && !c.auto_san_validation) return out;
  std::string_view from;
  if (!c.auto_sni_header.empty()) from = head.get(c.auto_sni_header);
  if (from.empty()) from = head.authority;
  const auto host = host_of(from);
  if (c.auto_sni && !net::Address::parse_ip(host, 0)) out.server_name = host;
  if (c.auto_san_validation) out.certificate_name = host;
  return out;
}

}  // namespace outrigger::upstream
