#include "proxy/net/proxy_header.h"

#include <netinet/in.h>
#include <algorithm>
#include <cstring>
#include <optional>
#include "proxy/base/numbers.h"
#include "proxy/base/text.h"

namespace outrigger::net {

namespace {

using namespace std::string_view_literals;
constexpr std::string_view kV2 = "\r\n\r\n\0\r\nQUIT\n"sv, kV1 = "PROXY "sv;
constexpr std::size_t kV2Header = 16, kV1Max = 108;
constexpr std::size_t kV4Bytes = 12, kV6Bytes = 36;

std::size_t u16(std::string_view bytes, std::size_t at) {
  return static_cast<std::size_t>(static_cast<std::uint8_t>(bytes[at])) << 8 | static_cast<std::uint8_t>(bytes[at + 1]);
}

ProxyParse malformed(std::uint8_t version) { return {ProxyParse::malformed, version, 0}; }

/// As TCP can have it: no multicast, no broadcast, not the address that means none.
bool is_unicast(const Address& a) {
  in6_addr ip{};
  std::memcpy(&ip, a.ip_bytes().data(), a.ip_bytes().size());
  if (a.is_v4()) {
    const auto ip4 = ntohl(ip.s6_addr32[0]);
    return ip4 != INADDR_ANY && ip4 != INADDR_BROADCAST && (ip4 >> 28) != 14;
  }
  return !IN6_IS_ADDR_UNSPECIFIED(&ip) && !IN6_IS_ADDR_MULTICAST(&ip);
}

bool addresses_are_good(const ProxyHeader& h, int family) {
  return h.source.family() == family && h.destination.family() == family && is_unicast(h.source) && is_unicast(h.destination);
}

std::optional<Address> text_address(std::string_view ip, std::string_view port) {
  const auto number = to_number<std::uint16_t>(port);
  if (!number) return {};
  auto a = Address::parse_ip(ip, *number);
  return a ? std::optional(std::move(*a)) : std::nullopt;
}

/// The line without its end.
bool parse_line(std::string_view line, ProxyHeader& out) {
  while (!line.empty() && std::strchr(" \t\f\v\n\r", line.back()) != nullptr) line.remove_suffix(1);
  std::string_view parts[7];
  std::size_t count = 0;
  for (std::size_t at = 0; count < 7 && at <= line.size();) {
    const auto end = std::min(line.find(' ', at), line.size());
    parts[count++] = line.substr(at, end - at);
    at = end + 1;
  }
  if (count < 2 || parts[0] != "PROXY") return false;
  out.version = 1;
  if (parts[1] == "UNKNOWN") {
    out.local = true;
    return true;
  }
  if (count != 6 || (parts[1] != "TCP4" && parts[1] != "TCP6")) return false;
  auto source = text_address(parts[2], parts[4]), destination = text_address(parts[3], parts[5]);
  if (!source || !destination) return false;
  out.source = std::move(*source);
  out.destination = std::move(*destination);
  return addresses_are_good(out, parts[1] == "TCP4" ? AF_INET : AF_INET6);
}

ProxyParse parse_v1(std::string_view bytes, ProxyHeader& out) {
  for (std::size_t at = 1; at < bytes.size() && at < kV1Max; ++at) {
    if (bytes[at] != '\n' || bytes[at - 1] != '\r') continue;
    if (at == 1) return {};  // version 2 begins so as well
    return parse_line(bytes.substr(0, at - 1), out) ? ProxyParse{ProxyParse::complete, 1, at + 1} : malformed(1);
  }
  return bytes.size() >= kV1Max ? malformed(0) : ProxyParse{};
}

bool parse_tlvs(std::string_view bytes, std::vector<ProxyTlv>& out) {
  while (!bytes.empty()) {
    if (bytes.size() < 3) return false;
    const std::size_t size = u16(bytes, 1);
    if (bytes.size() - 3 < size) return false;
    out.push_back({static_cast<std::uint8_t>(bytes[0]), std::string(bytes.substr(3, size))});
    bytes.remove_prefix(3 + size);
  }
  return true;
}

Address binary_address(std::string_view ip, std::string_view port) {
  if (ip.size() == 4) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    std::memcpy(&a.sin_addr, ip.data(), 4);
    std::memcpy(&a.sin_port, port.data(), 2);
    return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&a), sizeof a);
  }
  sockaddr_in6 a{};
  a.sin6_family = AF_INET6;
  std::memcpy(&a.sin6_addr, ip.data(), 16);
  std::memcpy(&a.sin6_port, port.data(), 2);
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&a), sizeof a);
}

ProxyParse parse_v2(std::string_view bytes, ProxyHeader& out) {
  const auto command = static_cast<std::uint8_t>(bytes[12]), kind = static_cast<std::uint8_t>(bytes[13]);
  if (command >> 4 != 2) return malformed(2);
  const std::size_t size = u16(bytes, 14), whole = kV2Header + size;
  out.version = 2;
  out.local = (command & 15) == 0;
  const int family = kind >> 4 == 1 ? AF_INET : kind >> 4 == 2 ? AF_INET6 : AF_UNSPEC;
  const std::size_t ip = family == AF_INET ? 4 : 16, addresses = out.local ? 0 : family == AF_INET ? kV4Bytes : kV6Bytes;
  if (!out.local) {
    const unsigned transport = kind & 15;
    if (family == AF_UNSPEC || size < addresses) return malformed(2);
    if (bytes.size() >= kV2Header + addresses && ((command & 15) != 1 || transport == 0 || transport > 2)) return malformed(2);
  }
  if (bytes.size() < whole) return {ProxyParse::more, 2, whole};
  if (out.local) return {ProxyParse::complete, 2, whole};  // its TLVs are passed over
  const auto body = bytes.substr(kV2Header, size);
  out.source = binary_address(body.substr(0, ip), body.substr(2 * ip, 2));
  out.destination = binary_address(body.substr(ip, ip), body.substr(2 * ip + 2, 2));
  if (!parse_tlvs(body.substr(addresses), out.tlvs) || !addresses_are_good(out, family)) return malformed(2);
  return {ProxyParse::complete, 2, whole};
}

}  // namespace

ProxyParse parse_proxy_header(std::string_view bytes, bool optional, ProxyHeader& out) {
  const bool v1 = agrees_so_far(bytes, kV1), v2 = agrees_so_far(bytes, kV2);
  if (optional && !v1 && !v2) return {ProxyParse::absent, 0, 0};
  if (bytes.size() >= kV2Header) {
    if (v2) return parse_v2(bytes, out);
    if (!v1) return {ProxyParse::absent, 0, 0};
  }
  return parse_v1(bytes, out);
}

std::string write_proxy_v1(const Address& source, const Address& destination) {
  if (!source.is_ip() || source.family() != destination.family()) return "PROXY UNKNOWN\r\n";
  std::string out = source.is_v4() ? "PROXY TCP4 " : "PROXY TCP6 ";
  out += source.ip_text();
  out += ' ';
  out += destination.ip_text();
  return out + ' ' + std::to_string(source.port()) + ' ' + std::to_string(destination.port()) + "\r\n";
}

namespace {
void append_u16(std::string& out, std::size_t n) {
  out += static_cast<char>(n >> 8);
  out += static_cast<char>(n & 255);
}
}  // namespace

std::string write_proxy_v2(const Address* source, const Address* destination, const std::vector<ProxyTlv>& tlvs, bool* left_out) {
  std::string body;
  std::string out(kV2);
  const bool known = source != nullptr && destination != nullptr && source->is_ip() && source->family() == destination->family();
  out += known ? '\x21' : '\x20';
  out += !known ? '\0' : source->is_v4() ? '\x11' : '\x21';
  if (known) {
    body += source->ip_bytes();
    body += destination->ip_bytes();
    append_u16(body, source->port());
    append_u16(body, destination->port());
  }
  for (const auto& t : tlvs) {
    if (body.size() + 3 + t.value.size() > 0xffff) {
      if (left_out != nullptr) *left_out = true;
      continue;
    }
    body += static_cast<char>(t.type);
    append_u16(body, t.value.size());
    body += t.value;
  }
  append_u16(out, body.size());
  return out + body;
}

}  // namespace outrigger::net
