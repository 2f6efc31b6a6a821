// The order in which the addresses of a host are tried (RFC 8305 section 4).
#include "proxy/net/first_of.h"

#include <catch2/catch.hpp>

using namespace outrigger::net;

namespace {
std::string order(const std::vector<std::string>& ips) {
  std::vector<Address> all;
  for (const auto& ip : ips) all.push_back(Address::parse_ip(ip, 80).value());
  std::string out;
  for (const auto& a : take_turns(std::move(all))) out += std::string(out.empty() ? "" : " ") + std::string(a.ip_text());
  return out;
}
}  // namespace

TEST_CASE("families take turns, beginning with that of the first address", "[net]") {
  CHECK(order({}).empty());
  CHECK(order({"::1"}) == "::1");
  CHECK(order({"1.1.1.1", "2.2.2.2", "::1", "::2"}) == "1.1.1.1 ::1 2.2.2.2 ::2");
  CHECK(order({"::1", "::2", "::3", "1.1.1.1"}) == "::1 1.1.1.1 ::2 ::3");
  CHECK(order({"::1", "1.1.1.1", "2.2.2.2", "3.3.3.3"}) == "::1 1.1.1.1 2.2.2.2 3.3.3.3");
}
