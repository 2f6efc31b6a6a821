// Socket addresses: IPv4, IPv6, Unix pipe (path or abstract '@name'). Value type with the printed
// form cached, since logs and headers need it per request. Also CIDR ranges.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <cstdint>
#include <string>
#include <string_view>
#include "proxy/base/result.h"

namespace outrigger::net {

/// An address as the kernel takes it.
class RawAddress {
 public:
  const sockaddr* get() const noexcept { return &form_.any; }
  socklen_t size() const noexcept { return size_; }

 private:
  friend class Address;
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un pipe;
  } form_{.pipe = {}};
  socklen_t size_ = 0;
};

class Address {
 public:
  Address() = default;
  static Result<Address> parse_ip(std::string_view ip, std::uint16_t port);  // "::1", "1.2.3.4"
  static Result<Address> parse_ip_port(std::string_view text);               // "1.2.3.4:80", "[::1]:80"
  static Result<Address> pipe(std::string_view path);                        // "@x" is abstract
  /// Of a listener without a socket: "envoy://name/endpoint".
  static Address internal(std::string_view name, std::string_view endpoint);
  static Address from_sockaddr(const sockaddr* sa, socklen_t size);

  bool empty() const noexcept { return size_ == 0; }
  int family() const noexcept { return ip_.any.sa_family; }
  bool is_ip() const noexcept { return family() == AF_INET || family() == AF_INET6; }
  bool is_internal() const noexcept { return size_ != 0 && family() == AF_UNSPEC; }
  /// The listener's name, of an internal address.
  std::string_view internal_name() const noexcept;
  std::string_view internal_endpoint() const noexcept;
  bool is_v4() const noexcept { return family() == AF_INET; }
  bool is_loopback() const noexcept;
  std::uint16_t port() const noexcept;
  Address with_port(std::uint16_t port) const;
  RawAddress raw() const noexcept;
  /// "1.2.3.4:80", "[::1]:80", the path of a pipe.
  const std::string& text() const noexcept { return text_; }
  /// "1.2.3.4", "::1"; a pipe's path.
  std::string_view ip_text() const noexcept { return std::string_view(text_).substr(ip_at_, ip_size_); }
  /// The 4 or 16 bytes of an IP address; empty: it is none.
  std::string_view ip_bytes() const noexcept;
  bool operator==(const Address& o) const noexcept { return text_ == o.text_; }

 private:
  void unmap() noexcept;
  /// `size`: of the kernel's form.
  void set_pipe(std::string_view path, std::size_t size);
  void render();
  // 64 bytes in all: a proxy has tens of thousands.
  union {
    sockaddr any;  // only the family of a pipe, whose path is the text
    sockaddr_in v4;
    sockaddr_in6 v6;
  } ip_{.v6 = {}};
  std::uint16_t ip_size_ = 0;
  std::uint8_t ip_at_ = 0;
  std::uint8_t size_ = 0;  // of the kernel's form; of an internal one, which has none: not 0
  std::string text_;
};

struct CidrRange {
  static Result<CidrRange> parse(std::string_view ip, unsigned prefix_bits);
  bool contains(const Address& a) const noexcept;
  bool v6 = false;
  std::uint8_t bits = 0;
  std::uint8_t bytes[16] = {};
};

}  // namespace outrigger::net
