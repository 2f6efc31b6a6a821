// Addresses and CIDR ranges.
#include "proxy/net/address.h"

#include <catch2/catch.hpp>

using outrigger::net::Address;
using outrigger::net::CidrRange;

TEST_CASE("addresses print as they are written", "[address]") {
  CHECK(Address::parse_ip("1.2.3.4", 80)->text() == "1.2.3.4:80");
  CHECK(Address::parse_ip("::1", 8080)->text() == "[::1]:8080");
  CHECK(Address::parse_ip("::1", 8080)->ip_text() == "::1");
  CHECK(Address::parse_ip_port("127.0.0.1:9")->port() == 9);
  CHECK(Address::parse_ip_port("[fe80::1]:9")->ip_text() == "fe80::1");
  CHECK_FALSE(Address::parse_ip("1.2.3", 1).has_value());
  CHECK_FALSE(Address::parse_ip("example.com", 1).has_value());
  CHECK_FALSE(Address::parse_ip_port("1.2.3.4").has_value());
  CHECK_FALSE(Address::parse_ip_port("1.2.3.4:70000").has_value());
  CHECK(Address::pipe("/tmp/x.sock")->text() == "/tmp/x.sock");
  CHECK(Address::pipe("@abstract")->text() == "@abstract");
  CHECK_FALSE(Address::pipe(std::string(200, 'x')).has_value());
  CHECK(Address::parse_ip("127.0.0.1", 1)->is_loopback());
}

TEST_CASE("CIDR ranges contain what they say", "[address]") {
  struct Row {
    const char* range;
    unsigned bits;
    const char* ip;
    bool in;
  };
  for (const Row& r :
       {Row{"10.0.0.0", 8, "10.255.1.2", true}, Row{"10.0.0.0", 8, "11.0.0.0", false}, Row{"0.0.0.0", 0, "9.9.9.9", true},
        Row{"192.168.1.128", 25, "192.168.1.127", false}, Row{"192.168.1.128", 25, "192.168.1.129", true},
        Row{"fd00::", 8, "fd12::1", true}, Row{"fd00::", 8, "10.0.0.1", false}, Row{"1.2.3.4", 32, "1.2.3.4", true}}) {
    INFO(r.range << '/' << r.bits << ' ' << r.ip);
    CHECK(CidrRange::parse(r.range, r.bits)->contains(*Address::parse_ip(r.ip, 1)) == r.in);
  }
  CHECK(CidrRange::parse("1.2.3.4", 33)->bits == 32);  // clamped, as Envoy does
}
