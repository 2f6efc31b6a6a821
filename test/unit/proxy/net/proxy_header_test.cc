#include "proxy/net/proxy_header.h"

#include <catch2/catch.hpp>

using namespace outrigger::net;
using namespace std::string_literals;

namespace {

const std::string kV2 = "\r\n\r\n\0\r\nQUIT\n"s;

std::string u16(std::size_t n) { return {static_cast<char>(n >> 8), static_cast<char>(n & 255)}; }
std::string v2(const std::string& body, char command = '\x21', char kind = '\x11') {
  return kV2 + command + kind + u16(body.size()) + body;
}
const std::string kV4 = "\1\2\3\4\5\6\7\x8"s + u16(1111) + u16(2222);
const std::string kV6 = "\x20\1"s + std::string(13, '\0') + "\1\x20\1"s + std::string(13, '\0') + "\2"s + u16(1111) + u16(2222);

struct Parsed {
  ProxyHeader header;
  ProxyParse result;
  explicit Parsed(const std::string& bytes, bool optional = false) : result(parse_proxy_header(bytes, optional, header)) {}
  ProxyParse::Status status() const { return result.status; }
};

}  // namespace

TEST_CASE("a PROXY line gives both addresses", "[proxy_header]") {
  const std::string line = "PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n";
  const Parsed p(line + "data");
  REQUIRE(p.status() == ProxyParse::complete);
  CHECK(p.result.bytes == line.size());
  CHECK(p.header.version == 1);
  CHECK(p.header.source.text() == "1.2.3.4:1111");
  CHECK(p.header.destination.text() == "5.6.7.8:2222");
  for (std::size_t n = 0; n < line.size(); ++n) CHECK(Parsed(line.substr(0, n)).status() == ProxyParse::more);
  CHECK(Parsed("PROXY TCP6 2001::1 2001::2 1 2\r\n").header.source.text() == "[2001::1]:1");
  CHECK(Parsed("PROXY UNKNOWN\r\n").header.local);
  CHECK(Parsed("PROXY UNKNOWN and more of it\r\n").header.local);
}

TEST_CASE("a malformed PROXY line is refused", "[proxy_header]") {
  for (const std::string line : {"PROXY\r\n",
                                 "PROXY TCP4\r\n",
                                 "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
                                 "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
                                 "PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
                                 "PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n",
                                 "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n",
                                 "PROXY TCP4 ::1 ::2 1 2\r\n",
                                 "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
                                 "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
                                 "PROXY TCP4 a 5.6.7.8 1 2\r\n",
                                 "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
                                 "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
                                 "PROXY TCP4 1.2.3.4 5.6.7.8 1 \r\n",
                                 "PROXY TCP4 0.0.0.0 5.6.7.8 1 2\r\n",
                                 "PROXY TCP4 1.2.3.4 0.0.0.0 1 2\r\n",
                                 "PROXY TCP4 224.0.0.1 5.6.7.8 1 2\r\n",
                                 "PROXY TCP4 255.255.255.255 5.6.7.8 1 2\r\n",
                                 "PROXY TCP6 :: 2001::1 1 2\r\n",
                                 "PROXY TCP6 ff02::1 2001::1 1 2\r\n",
                                 "GET /\r\n",
                                 "x\r\n"}) {
    CAPTURE(line);
    CHECK(Parsed(line).status() == ProxyParse::malformed);
    CHECK(Parsed(line).result.version == 1);
  }
}

TEST_CASE("a PROXY line has at most 107 characters and its end", "[proxy_header]") {
  const auto line = [](std::size_t size) { return "PROXY UNKNOWN " + std::string(size - 16, 'x') + "\r\n"; };
  CHECK(Parsed(line(108)).status() == ProxyParse::complete);
  CHECK(Parsed("PROXY UNKNOWN " + std::string(200, 'x')).status() == ProxyParse::malformed);
}

TEST_CASE("what begins otherwise is no header", "[proxy_header]") {
  CHECK(Parsed("GET / HTTP/1.1\r\n").status() == ProxyParse::absent);
  CHECK(Parsed("GET / HTTP/1.1").status() == ProxyParse::more);
  CHECK(Parsed("G", true).status() == ProxyParse::absent);
  CHECK(Parsed("P", true).status() == ProxyParse::more);
  CHECK(Parsed("PO", true).status() == ProxyParse::absent);
  CHECK(Parsed("\r\n\r\n", true).status() == ProxyParse::more);
  CHECK(Parsed("\r\n\r\nG", true).status() == ProxyParse::absent);
}

TEST_CASE("a version 2 header gives addresses and TLVs", "[proxy_header]") {
  const std::string bytes = v2(kV4 + "\1" + u16(2) + "h2\4" + u16(0));
  const Parsed p(bytes + "data");
  REQUIRE(p.status() == ProxyParse::complete);
  CHECK(p.result.bytes == bytes.size());
  CHECK(p.header.source.text() == "1.2.3.4:1111");
  CHECK(p.header.destination.text() == "5.6.7.8:2222");
  REQUIRE(p.header.tlvs.size() == 2);
  CHECK(p.header.tlvs[0].type == 1);
  CHECK(p.header.tlvs[0].value == "h2");
  CHECK(p.header.tlvs[1].value.empty());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const Parsed part(bytes.substr(0, n));
    if (part.status() != ProxyParse::more) FAIL(n << " bytes");
    if (n >= 16) CHECK(part.result.bytes == bytes.size());
  }
  CHECK(Parsed(v2(kV6, '\x21', '\x21')).header.destination.text() == "[2001::2]:2222");
  CHECK(Parsed(v2(kV4, '\x21', '\x12')).status() == ProxyParse::complete);
}

TEST_CASE("a LOCAL header says nothing, whatever is in it", "[proxy_header]") {
  for (const auto& body : {""s, kV4, "xyz"s}) {
    const Parsed p(v2(body, '\x20', '\0'));
    CHECK(p.status() == ProxyParse::complete);
    CHECK(p.header.local);
    CHECK(p.header.tlvs.empty());
    CHECK(p.result.bytes == 16 + body.size());
  }
}

TEST_CASE("a malformed version 2 header is refused", "[proxy_header]") {
  for (const std::string& bytes :
       {v2(kV4, '\x11'), v2(kV4, '\x31'), v2(kV4, '\x22'), v2(kV4, '\x2f'), v2("", '\x21', '\0'),
        v2(std::string(216, '\0'), '\x21', '\x31'), v2(kV4, '\x21', '\x10'), v2(kV4, '\x21', '\x13'), v2(kV4, '\x21', '\x41'),
        v2(kV4.substr(1)), v2(kV6.substr(1), '\x21', '\x21'), v2(kV4, '\x21', '\x21'), v2(std::string(4, '\0') + kV4.substr(4)),
        v2("\xe0\0\0\1"s + kV4.substr(4)), v2(std::string(4, '\xff') + kV4.substr(4)), v2(kV4 + "\1"), v2(kV4 + "\1\0"s),
        v2(kV4 + "\1" + u16(3) + "ab"), v2(kV4 + "\1" + u16(1) + "a\2" + u16(0xffff) + "b")}) {
    CHECK(Parsed(bytes).status() == ProxyParse::malformed);
    CHECK(Parsed(bytes).result.version == 2);
  }
}

TEST_CASE("a header of 64 KiB is read whole", "[proxy_header]") {
  const std::string bytes = v2(kV4 + "\4" + u16(0xffff - 15) + std::string(0xffff - 15, 'x'));
  CHECK(Parsed(bytes).header.tlvs.at(0).value.size() == 0xffff - 15);
  CHECK(Parsed(bytes.substr(0, 16)).result.bytes == bytes.size());
}

TEST_CASE("what is written is read again", "[proxy_header]") {
  const auto v4 = Address::parse_ip("1.2.3.4", 80).value(), other = Address::parse_ip("5.6.7.8", 443).value();
  const auto v6 = Address::parse_ip("2001::1", 80).value();
  CHECK(write_proxy_v1(v4, other) == "PROXY TCP4 1.2.3.4 5.6.7.8 80 443\r\n");
  CHECK(write_proxy_v1(v6, v6) == "PROXY TCP6 2001::1 2001::1 80 80\r\n");
  CHECK(write_proxy_v1(v4, v6) == "PROXY UNKNOWN\r\n");
  CHECK(write_proxy_v1(Address::pipe("/a").value(), v4) == "PROXY UNKNOWN\r\n");
  for (const auto* a : {&v4, &v6}) {
    const Parsed p(write_proxy_v2(a, a, {{1, "h2"}, {2, ""}}));
    REQUIRE(p.status() == ProxyParse::complete);
    CHECK(p.header.source == *a);
    CHECK(p.header.tlvs.size() == 2);
  }
  CHECK(Parsed(write_proxy_v2(nullptr, nullptr, {})).header.local);
  CHECK(Parsed(write_proxy_v2(&v4, &v6, {})).header.local);
  CHECK(Parsed(write_proxy_v2(&v4, &other, {{1, std::string(70000, 'x')}, {2, "b"}})).header.tlvs.size() == 1);
}
