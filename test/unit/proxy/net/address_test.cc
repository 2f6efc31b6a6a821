// Addresses and CIDR ranges.
#include "proxy/net/address.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "proxy/net/ip_bytes.h"
#include "support/stream.h"

using namespace outrigger;
using net::Address;
using net::CidrRange;

TEST_CASE("addresses print as they are written", "[address]") {
  struct Row {
    const char* ip;
    std::uint16_t port;
    const char *text, *ip_text;
  };
  for (const Row& r :
       {Row{"1.2.3.4", 80, "1.2.3.4:80", "1.2.3.4"}, Row{"0.0.0.0", 0, "0.0.0.0:0", "0.0.0.0"},
        Row{"255.255.255.255", 65535, "255.255.255.255:65535", "255.255.255.255"}, Row{"::1", 8080, "[::1]:8080", "::1"},
        Row{"::", 0, "[::]:0", "::"}, Row{"FE80:0:0::1", 1, "[fe80::1]:1", "fe80::1"},
        Row{"::ffff:1.2.3.4", 1, "[::ffff:1.2.3.4]:1", "::ffff:1.2.3.4"}}) {
    const auto a = test::ip(r.ip, r.port);
    CHECK(a.text() == r.text);
    CHECK(a.ip_text() == r.ip_text);
    CHECK(a.port() == r.port);
    CHECK(a.is_ip());
    CHECK(Address::parse_ip_port(a.text()).value() == a);
  }
}

TEST_CASE("what is no address is refused with its text", "[address]") {
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4:80", "example.com", "[::1]", "::1::", "1:2", "::g", " 1.2.3.4"}) {
    INFO(text);
    const auto a = Address::parse_ip(text, 1);
    REQUIRE_FALSE(a.has_value());
    CHECK(a.error().detail == std::string("malformed IP address: ") + text);
  }
  for (const char* text : {"", "1.2.3.4", "1.2.3.4:", "1.2.3.4:70000", "1.2.3.4:-1", "1.2.3.4:8x", "::1:80", "[::1]",
                           "[::1]:", "[]:1", ":80", "x:80"}) {
    INFO(text);
    CHECK_FALSE(Address::parse_ip_port(text).has_value());
  }
}

TEST_CASE("pipes have a path or an abstract name", "[address]") {
  CHECK(Address::pipe("/tmp/x.sock")->text() == "/tmp/x.sock");
  CHECK(Address::pipe("/tmp/x.sock")->ip_text() == "/tmp/x.sock");
  CHECK(Address::pipe("@abstract")->text() == "@abstract");
  CHECK_FALSE(Address::pipe("/x")->is_ip());
  CHECK(Address::pipe("/x")->port() == 0);
  CHECK(Address::pipe(std::string(107, 'x')).has_value());
  CHECK_FALSE(Address::pipe(std::string(108, 'x')).has_value());
  CHECK_FALSE(Address::pipe("").has_value());
}

TEST_CASE("addresses come back from the kernel's form", "[address]") {
  for (const auto& a : {test::ip("1.2.3.4", 5), test::ip("::1", 6), Address::pipe("/x").value(), Address::pipe("@x").value()}) {
    const auto raw = a.raw();
    CHECK(Address::from_sockaddr(raw.get(), raw.size()) == a);
    CHECK(Address::from_sockaddr(raw.get(), raw.size()).raw().size() == raw.size());
    sockaddr_storage room{};  // as SO_ORIGINAL_DST leaves it
    std::memcpy(&room, raw.get(), raw.size());
    if (a.is_ip()) CHECK(Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&room), sizeof room) == a);
  }
  const auto mapped = test::ip("::ffff:1.2.3.4", 7);  // an IPv4 peer of an IPv6 socket
  CHECK(Address::from_sockaddr(mapped.raw().get(), mapped.raw().size()).text() == "1.2.3.4:7");
  CHECK(Address().empty());
  CHECK(Address().text().empty());
  CHECK_FALSE(test::ip("0.0.0.0").empty());
}

TEST_CASE("loopback and other ports", "[address]") {
  for (const auto& [ip, loopback] :
       {std::pair("127.0.0.1", true), {"127.0.0.2", false}, {"126.0.0.1", false}, {"::1", true}, {"::2", false}, {"::", false}})
    CHECK(test::ip(ip).is_loopback() == loopback);
  CHECK_FALSE(Address::pipe("/x")->is_loopback());
  CHECK(test::ip("1.2.3.4", 5).with_port(6).text() == "1.2.3.4:6");
  CHECK(test::ip("::1", 5).with_port(0).text() == "[::1]:0");
  CHECK_FALSE(test::ip("1.2.3.4", 5) == test::ip("1.2.3.4", 6));
}

TEST_CASE("CIDR ranges contain what they say, to the last address", "[address]") {
  struct Row {
    const char* range;
    unsigned bits;
    const char* ip;
    bool in;
  };
  for (const Row& r : {
           Row{"10.0.0.0", 8, "10.0.0.0", true},
           Row{"10.0.0.0", 8, "10.255.255.255", true},
           Row{"10.0.0.0", 8, "11.0.0.0", false},
           Row{"10.0.0.0", 8, "9.255.255.255", false},
           Row{"10.9.9.9", 8, "10.1.1.1", true},
           Row{"0.0.0.0", 0, "255.255.255.255", true},
           Row{"192.168.1.128", 25, "192.168.1.127", false},
           Row{"192.168.1.128", 25, "192.168.1.128", true},
           Row{"192.168.1.128", 25, "192.168.1.255", true},
           Row{"1.2.3.4", 32, "1.2.3.4", true},
           Row{"1.2.3.4", 32, "1.2.3.5", false},
           Row{"1.2.3.4", 31, "1.2.3.5", true},
           Row{"1.2.3.4", 31, "1.2.3.6", false},
           Row{"fd00::", 8, "fd12::1", true},
           Row{"fd00::", 8, "fe00::", false},
           Row{"fd00::", 8, "10.0.0.1", false},
           Row{"::", 0, "1.2.3.4", false},
           Row{"0.0.0.0", 0, "::1", false},
           Row{"::1", 128, "::1", true},
           Row{"::1", 128, "::2", false},
           Row{"2001:db8::", 33, "2001:db8:7fff::", true},
           Row{"2001:db8::", 33, "2001:db8:8000::", false},
       }) {
    INFO(r.range << '/' << r.bits << ' ' << r.ip);
    const auto range = CidrRange::parse(r.range, r.bits).value();
    CHECK(range.contains(test::ip(r.ip, 1)) == r.in);
    CHECK(net::contains(range, net::IpBytes::parse(r.ip).value()) == r.in);
  }
  CHECK(CidrRange::parse("1.2.3.4", 33)->bits == 32);  // clamped, as Envoy does
  CHECK(CidrRange::parse("::1", 200)->bits == 128);
  CHECK_FALSE(CidrRange::parse("10.0.0", 8).has_value());
  CHECK_FALSE(CidrRange::parse("10.0.0.0/8", 8).has_value());
  CHECK_FALSE(CidrRange::parse("1.2.3.4", 0)->contains(Address::pipe("/x").value()));
  for (const char* text : {"", "1.2.3", "1.2.3.4:80", "::g", "0:0:0:0:0:0:0:0:0", "an address that is longer than all that are one"})
    CHECK_FALSE(net::IpBytes::parse(text).has_value());
}
