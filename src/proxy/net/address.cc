#include "proxy/net/address.h"

#include <arpa/inet.h>
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "proxy/net/ip_bytes.h"

namespace outrigger::net {

Result<Address> Address::parse_ip(std::string_view ip, std::uint16_t port) {
  const auto parsed = IpBytes::parse(ip);
  if (!parsed) return invalid("malformed IP address: " + std::string(ip));
  const auto bytes = parsed->bytes();
  Address a;
  if (bytes.size() == sizeof(in_addr)) {
    std::memcpy(&a.ip_.v4.sin_addr, bytes.data(), sizeof(in_addr));
    a.ip_.v4.sin_family = AF_INET;
    a.ip_.v4.sin_port = htons(port);
    a.size_ = sizeof(sockaddr_in);
  } else {
    std::memcpy(&a.ip_.v6.sin6_addr, bytes.data(), sizeof(in6_addr));
    a.ip_.v6.sin6_family = AF_INET6;
    a.ip_.v6.sin6_port = htons(port);
    a.size_ = sizeof(sockaddr_in6);
  }
  a.render();
  return a;
}

Result<Address> Address::parse_ip_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return invalid("malformed IP address: " + std::string(text));
  std::string_view ip = text.substr(0, colon), port = text.substr(colon + 1);
  if (ip.size() > 2 && ip.front() == '[' && ip.back() == ']') {
    ip = ip.substr(1, ip.size() - 2);
  } else if (ip.find(':') != std::string_view::npos) {
    return invalid("malformed IP address: " + std::string(text));
  }
  std::uint16_t number = 0;
  const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (ec != std::errc{} || end != port.data() + port.size()) return invalid("malformed IP address: " + std::string(text));
  return parse_ip(ip, number);
}

Result<Address> Address::pipe(std::string_view path) {
  if (path.empty() || path.size() >= sizeof sockaddr_un::sun_path)
    return invalid("pipe path must have 1 to 107 bytes: " + std::string(path));
  Address a;
  a.set_pipe(path, offsetof(sockaddr_un, sun_path) + path.size() + (path.front() == '@' ? 0 : 1));
  return a;
}

void Address::set_pipe(std::string_view path, std::size_t size) {
  ip_.any.sa_family = AF_UNIX;
  size_ = static_cast<std::uint8_t>(size);
  text_ = path;
  ip_size_ = static_cast<std::uint16_t>(text_.size());
}

RawAddress Address::raw() const noexcept {
  RawAddress r;
  r.size_ = size_;
  if (family() == AF_UNIX) {
    r.form_.pipe.sun_family = AF_UNIX;
    std::memcpy(r.form_.pipe.sun_path, text_.data(), text_.size());  // as short as set_pipe() was told
    if (text_.starts_with('@')) r.form_.pipe.sun_path[0] = '\0';
  } else {
    std::memcpy(&r.form_, &ip_, sizeof ip_);
  }
  return r;
}

namespace {
constexpr std::string_view kInternal = "envoy://";
}

Address Address::internal(std::string_view name, std::string_view endpoint) {
  Address a;
  a.size_ = sizeof a.ip_.any.sa_family;
  a.ip_.v6.sin6_flowinfo = static_cast<std::uint32_t>(name.size());
  a.text_ = std::string(kInternal) + std::string(name) + '/' + std::string(endpoint);
  a.ip_size_ = static_cast<std::uint16_t>(a.text_.size());
  return a;
}

std::string_view Address::internal_name() const noexcept {
  return std::string_view(text_).substr(kInternal.size(), ip_.v6.sin6_flowinfo);
}

std::string_view Address::internal_endpoint() const noexcept {
  return std::string_view(text_).substr(kInternal.size() + ip_.v6.sin6_flowinfo + 1);
}

Address Address::from_sockaddr(const sockaddr* sa, socklen_t size) {
  Address a;
  if (size < sizeof(sa_family_t)) return a;
  if (sa->sa_family == AF_UNIX) {
    size = std::min<socklen_t>(size, sizeof(sockaddr_un));  // accept() tells one more of a path that fills it
    const auto* path = reinterpret_cast<const char*>(sa) + offsetof(sockaddr_un, sun_path);
    const std::size_t room = size - std::min<std::size_t>(size, offsetof(sockaddr_un, sun_path));
    const bool abstract = room > 0 && path[0] == '\0';
    std::string text(path, abstract ? room : ::strnlen(path, room));
    if (abstract) text[0] = '@';
    a.set_pipe(text, size);
    return a;
  }
  // Some calls (SO_ORIGINAL_DST) tell the size of their buffer.
  const socklen_t own = sa->sa_family == AF_INET ? sizeof a.ip_.v4 : sizeof a.ip_.v6;
  size = std::min(size, own);
  std::memcpy(&a.ip_, sa, size);
  a.size_ = static_cast<std::uint8_t>(size);
  a.unmap();
  a.render();
  return a;
}

/// An IPv4 peer of an IPv6 socket is an IPv4 address to everything that looks at it.
void Address::unmap() noexcept {
  if (family() != AF_INET6) return;
  const auto v6 = ip_.v6;
  if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = v6.sin6_port;
  std::memcpy(&v4.sin_addr, v6.sin6_addr.s6_addr + 12, 4);
  ip_.v4 = v4;
  size_ = sizeof v4;
}

void Address::render() {
  char ip[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &ip_.v4.sin_addr, ip, sizeof ip);
    text_ = ip;
    ip_at_ = 0;
    ip_size_ = static_cast<std::uint16_t>(text_.size());
    text_ += ':' + std::to_string(ntohs(ip_.v4.sin_port));
  } else if (family() == AF_INET6) {
    inet_ntop(AF_INET6, &ip_.v6.sin6_addr, ip, sizeof ip);
    ip_at_ = 1;
    ip_size_ = static_cast<std::uint16_t>(std::strlen(ip));
    text_ = '[' + std::string(ip) + "]:" + std::to_string(ntohs(ip_.v6.sin6_port));
  }
}

bool Address::is_loopback() const noexcept {
  // As Envoy: this one only, not all of 127.0.0.0/8.
  if (family() == AF_INET) return ip_.v4.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
  return family() == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ip_.v6.sin6_addr);
}

std::string_view Address::ip_bytes() const noexcept {
  if (family() == AF_INET) return {reinterpret_cast<const char*>(&ip_.v4.sin_addr), sizeof ip_.v4.sin_addr};
  if (family() == AF_INET6) return {reinterpret_cast<const char*>(&ip_.v6.sin6_addr), sizeof ip_.v6.sin6_addr};
  return {};
}

std::uint16_t Address::port() const noexcept {
  if (family() == AF_INET) return ntohs(ip_.v4.sin_port);
  if (family() == AF_INET6) return ntohs(ip_.v6.sin6_port);
  return 0;
}

Address Address::with_port(std::uint16_t port) const {
  Address a = *this;
  if (family() == AF_INET)
    a.ip_.v4.sin_port = htons(port);
  else if (family() == AF_INET6)
    a.ip_.v6.sin6_port = htons(port);
  a.render();
  return a;
}

Result<CidrRange> CidrRange::parse(std::string_view ip, unsigned prefix_bits) {
  const auto parsed = IpBytes::parse(ip);
  if (!parsed) return invalid("malformed IP address: " + std::string(ip));
  const auto address = parsed->bytes();
  CidrRange c;
  c.v6 = address.size() == sizeof(in6_addr);
  std::memcpy(c.bytes, address.data(), address.size());
  const unsigned most = c.v6 ? 128 : 32;
  c.bits = static_cast<std::uint8_t>(prefix_bits > most ? most : prefix_bits);
  for (unsigned i = 0; i < most / 8; ++i) {
    const unsigned kept = c.bits > i * 8 ? c.bits - i * 8 : 0;
    if (kept < 8) c.bytes[i] = static_cast<std::uint8_t>(c.bytes[i] & (0xff00u >> kept));
  }
  return c;
}

bool CidrRange::contains(const Address& a) const noexcept { return net::contains(*this, a.ip_bytes()); }

}  // namespace outrigger::net
