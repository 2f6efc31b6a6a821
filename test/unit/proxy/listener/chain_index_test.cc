#include "proxy/listener/chain_index.h"

#include <catch2/catch.hpp>

#include "proxy/http/connection_facts.h"

using namespace outrigger;
using listener::ChainIndex;
using listener::ChainMatch;

namespace {

http::ConnectionInfo connection(std::string_view local = "127.0.0.1:80", std::string_view remote = "10.1.2.3:4567") {
  http::ConnectionInfo info;
  info.local = net::Address::parse_ip_port(local).value();
  info.remote = info.direct_remote = net::Address::parse_ip_port(remote).value();
  return info;
}
http::ConnectionInfo to_name(std::string_view name) {
  auto info = connection();
  info.facts().server_name = name;
  info.requested_server_name = info.facts().server_name;
  return info;
}
ChainMatch with(void (*set)(ChainMatch&)) {
  ChainMatch m;
  set(m);
  return m;
}
ChainMatch named(std::vector<std::string> names) {
  ChainMatch m;
  m.server_names = std::move(names);
  return m;
}
ChainMatch in_range(std::string_view ip, unsigned bits) {
  ChainMatch m;
  m.destination.push_back(net::CidrRange::parse(ip, bits).value());
  return m;
}
ChainIndex index_of(const std::vector<ChainMatch>& matches) {
  ChainIndex index;
  for (std::uint32_t i = 0; i < matches.size(); ++i) REQUIRE(index.add(matches[i], i));
  index.seal();
  return index;
}
int find(const ChainIndex& index, const http::ConnectionInfo& info) {
  const auto at = index.find(info);
  return at ? static_cast<int>(*at) : -1;
}

}  // namespace

TEST_CASE("an index without chains finds none", "[chain_index]") {
  CHECK(find(ChainIndex(), connection()) == -1);
  CHECK(find(index_of({}), connection()) == -1);
}

TEST_CASE("a single chain without criteria takes all", "[chain_index]") { CHECK(find(index_of({{}}), connection()) == 0); }

TEST_CASE("server names match exactly, then by their longest wildcard", "[chain_index]") {
  const auto index = index_of({named({"www.a.example"}), named({".a.example"}), named({".example"}), {}});
  CHECK(find(index, to_name("www.a.example")) == 0);
  CHECK(find(index, to_name("mail.a.example")) == 1);
  CHECK(find(index, to_name("x.y.a.example")) == 1);
  CHECK(find(index, to_name("a.example")) == 2);
  CHECK(find(index, to_name("example")) == 3);
  CHECK(find(index, to_name("a.test")) == 3);
  CHECK(find(index, connection()) == 3);
}

TEST_CASE("the longest prefix wins, of both families", "[chain_index]") {
  const auto index = index_of({in_range("10.0.0.0", 8), in_range("10.1.0.0", 16), in_range("0.0.0.0", 0), in_range("fd00::", 8),
                               in_range("fd00::1", 128), in_range("10.1.2.3", 32), in_range("10.1.2.0", 25)});
  CHECK(find(index, connection("10.2.0.1:1")) == 0);
  CHECK(find(index, connection("10.1.3.1:1")) == 1);
  CHECK(find(index, connection("11.1.0.1:1")) == 2);
  CHECK(find(index, connection("[fd00::2]:1")) == 3);
  CHECK(find(index, connection("[fd00::1]:1")) == 4);
  CHECK(find(index, connection("10.1.2.3:1")) == 5);
  CHECK(find(index, connection("10.1.2.127:1")) == 6);
  CHECK(find(index, connection("10.1.2.128:1")) == 1);
  CHECK(find(index, connection("[fe00::1]:1")) == -1);
}

TEST_CASE("there is no way back from a criterion that matched", "[chain_index]") {
  const auto index = index_of({with([](ChainMatch& m) {
                                 m.destination_port = 80;
                                 m.source_ports = {1};
                               }),
                               {}});
  CHECK(find(index, connection("127.0.0.1:80")) == -1);
  CHECK(find(index, connection("127.0.0.1:80", "10.0.0.1:1")) == 0);
  CHECK(find(index, connection("127.0.0.1:81")) == 1);
}

TEST_CASE("protocols match in the client's order", "[chain_index]") {
  const auto index = index_of({with([](ChainMatch& m) { m.application_protocols = {"h2"}; }),
                               with([](ChainMatch& m) {
                                 m.application_protocols = {"http/1.1", "http/1.0"};
                               }),
                               {}});
  auto info = connection();
  CHECK(find(index, info) == 2);
  info.facts().application_protocols = {"x", "http/1.0", "h2"};
  CHECK(find(index, info) == 1);
  info.facts().application_protocols = {"H2"};
  CHECK(find(index, info) == 2);
}

TEST_CASE("sources match by kind, prefix and port", "[chain_index]") {
  const auto index =
      index_of({with([](ChainMatch& m) { m.source_type = ChainMatch::same_ip_or_loopback; }), with([](ChainMatch& m) {
                  m.source_type = ChainMatch::external;
                  m.source.push_back(net::CidrRange::parse("10.0.0.0", 8).value());
                }),
                with([](ChainMatch& m) {
                  m.source_type = ChainMatch::external;
                  m.source_ports = {7};
                })});
  CHECK(find(index, connection("1.2.3.4:1", "127.0.0.1:9")) == 0);
  CHECK(find(index, connection("1.2.3.4:1", "1.2.3.4:9")) == 0);
  CHECK(find(index, connection("1.2.3.4:1", "10.9.9.9:9")) == 1);
  CHECK(find(index, connection("1.2.3.4:1", "9.9.9.9:7")) == 2);
  CHECK(find(index, connection("1.2.3.4:1", "10.9.9.9:7")) == 1);
  CHECK(find(index, connection("1.2.3.4:1", "9.9.9.9:8")) == -1);
}

TEST_CASE("chains with the same criteria, or a part of them, are refused", "[chain_index]") {
  ChainIndex index;
  CHECK(index.add(named({"a", "b"}), 0));
  CHECK(index.add(named({"c"}), 1));
  CHECK_FALSE(index.add(named({"d", "b"}), 2));
  CHECK(index.add({}, 3));
  CHECK_FALSE(index.add({}, 4));
  CHECK_FALSE(index.add(named({"x", "x"}), 5));
  CHECK_FALSE(index.add(named({""}), 6));  // as if it asked for no name
}

TEST_CASE("a name is found among ten thousand", "[chain_index]") {
  std::vector<ChainMatch> all;
  for (int i = 0; i < 10000; ++i)
    all.push_back(named({"n" + std::to_string(i) + ".example", ".n" + std::to_string(i) + ".example"}));
  const auto index = index_of(all);
  CHECK(find(index, to_name("n0.example")) == 0);
  CHECK(find(index, to_name("x.n9999.example")) == 9999);
  CHECK(find(index, to_name("n10000.example")) == -1);
}
