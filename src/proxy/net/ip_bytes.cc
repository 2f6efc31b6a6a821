#include "proxy/net/ip_bytes.h"

#include <arpa/inet.h>
#include <cstring>

namespace outrigger::net {

std::optional<IpBytes> IpBytes::parse(std::string_view ip) noexcept {
  char text[INET6_ADDRSTRLEN];  // that ends, as inet_pton() wants it
  if (ip.size() >= sizeof text) return std::nullopt;
  ip.copy(text, ip.size());
  text[ip.size()] = '\0';
  IpBytes out;
  if (inet_pton(AF_INET, text, out.bytes_) == 1)
    out.size_ = sizeof(in_addr);
  else if (inet_pton(AF_INET6, text, out.bytes_) == 1)
    out.size_ = sizeof(in6_addr);
  else
    return std::nullopt;
  return out;
}

bool contains(const CidrRange& range, std::string_view ip) noexcept {
  if (ip.size() != (range.v6 ? sizeof(in6_addr) : sizeof(in_addr))) return false;
  const unsigned whole = range.bits / 8, rest = range.bits % 8;
  if (std::memcmp(ip.data(), range.bytes, whole) != 0) return false;
  if (rest == 0) return true;
  const auto differing = static_cast<unsigned>(static_cast<std::uint8_t>(ip[whole]) ^ range.bytes[whole]);
  return (differing & (0xff00U >> rest) & 0xffU) == 0;
}

}  // namespace outrigger::net
