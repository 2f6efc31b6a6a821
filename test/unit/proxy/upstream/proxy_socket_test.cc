// PROXY headers to upstreams: what is told of whom, and whose requests may share a connection.
#include "proxy/upstream/proxy_socket.h"

#include <catch2/catch.hpp>

#include "proxy/http/connection_facts.h"
#include "proxy/http/stream_info.h"
#include "proxy/net/origin.h"
#include "support/stream.h"

using namespace outrigger;
using net::Origin;
using net::OriginPart;
using net::ProxyHeader;
using net::ProxyTlv;
using upstream::ProxySocket;

namespace {

ProxyHeader header_of(std::vector<ProxyTlv> tlvs = {}) {
  ProxyHeader h;
  h.source = test::ip("1.2.3.4", 11);
  h.destination = test::ip("5.6.7.8", 22);
  h.tlvs = std::move(tlvs);
  return h;
}
ProxySocket proxy_socket(std::uint8_t version, upstream::AddedTlvs added = {}, std::vector<unsigned> passed = {}) {
  ProxySocket::Settings s;
  s.version = version;
  s.added = std::move(added);
  for (const unsigned t : passed) s.passed_through.set(t);
  return {std::move(s), nullptr};
}
/// Of a connection from 10.0.0.1 to an endpoint that has these TLVs.
std::string written(const ProxySocket& socket, const ProxyHeader* known, std::vector<ProxyTlv> of_host = {},
                    bool left_out = false) {
  http::ConnectionInfo here;
  here.local = test::ip("10.0.0.1", 1);
  here.remote = test::ip("10.0.0.2", 2);
  upstream::Endpoint to;
  to.more.set({"", {}, std::move(of_host)});
  bool less = false;
  auto out = socket.header(known, to, http::StreamInfo::of_connection(here, {}, {}), less);
  CHECK(less == left_out);
  return out;
}
ProxyHeader read_back(const std::string& bytes) {
  ProxyHeader h;
  const auto p = net::parse_proxy_header(bytes, false, h);
  REQUIRE(p.status == net::ProxyParse::complete);
  CHECK(p.bytes == bytes.size());
  return h;
}
std::string text(const std::vector<ProxyTlv>& tlvs) {
  std::string out;
  for (const auto& t : tlvs) out += std::to_string(t.type) + "=" + t.value + " ";
  return out;
}

}  // namespace

TEST_CASE("the client's addresses are told, or those of the connection", "[proxy_socket]") {
  const auto known = header_of();
  CHECK(written(proxy_socket(1), &known) == "PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\n");
  CHECK(written(proxy_socket(1), nullptr) == "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n");
  CHECK(read_back(written(proxy_socket(2), &known)).source == known.source);
  CHECK(read_back(written(proxy_socket(2), nullptr)).local);
}

TEST_CASE("TLVs that were asked for go along", "[proxy_socket]") {
  const auto known = header_of({{1, "h2"}, {2, "a"}, {2, "b"}});
  const upstream::AddedTlv fixed{224, "x"}, another{2, "x"};
  const upstream::AddedTlv made{225, "", [](const http::StreamInfo& i, std::string& to) { to = i.connection->local.ip_text(); }};
  const auto tlvs = [&](upstream::AddedTlvs added, std::vector<unsigned> passed, std::vector<ProxyTlv> of_host = {}) {
    return text(read_back(written(proxy_socket(2, std::move(added), std::move(passed)), &known, std::move(of_host))).tlvs);
  };
  CHECK(tlvs({}, {}) == "");
  CHECK(tlvs({fixed}, {2}) == "224=x 2=a 2=b ");
  CHECK(tlvs({another}, {1, 2}) == "2=x 1=h2 ");  // it stands for the client's
  CHECK(tlvs({fixed, fixed, made}, {}) == "224=x 224=x 225=10.0.0.1 ");
  CHECK(tlvs({fixed, made}, {1}, {{224, "y"}, {226, ""}}) == "224=y 226= 225=10.0.0.1 1=h2 ");
  const upstream::AddedTlv nothing{225, "", [](const http::StreamInfo&, std::string&) {}};
  CHECK(tlvs({nothing, fixed}, {}) == "224=x ");
  CHECK(written(proxy_socket(1, {fixed}, {1}), &known, {{224, "y"}}) == "PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\n");
}

TEST_CASE("TLVs for which there is no room are left out, and those after them are not", "[proxy_socket]") {
  constexpr std::size_t kRoom = 0xffff - 12 - 3;
  const auto much = header_of({{1, std::string(kRoom, 'x')}});
  CHECK(read_back(written(proxy_socket(2, {}, {1}), &much)).tlvs.size() == 1);
  const auto more = header_of({{1, std::string(kRoom + 1, 'x')}, {2, "a"}});
  CHECK(text(read_back(written(proxy_socket(2, {}, {1, 2}), &more, {}, true)).tlvs) == "2=a ");
}

TEST_CASE("TLVs of a config join those that came as the policy has it", "[proxy_socket]") {
  using upstream::merge_tlvs;
  using upstream::TlvMerge;
  const std::vector<ProxyTlv> came{{1, "a"}, {2, "b"}, {2, "c"}}, added{{2, "x"}, {2, "y"}, {3, "z"}};
  CHECK(text(merge_tlvs(came, added, TlvMerge::add_if_absent)) == "1=a 2=b 2=c ");
  CHECK(text(merge_tlvs(came, added, TlvMerge::overwrite_by_type)) == "2=x 2=y 3=z 1=a ");
  CHECK(text(merge_tlvs(came, added, TlvMerge::append)) == "1=a 2=b 2=c 2=x 2=y 3=z ");
  CHECK(text(merge_tlvs({}, added, TlvMerge::overwrite_by_type)) == "2=x 2=y 3=z ");
}

TEST_CASE("connections are shared by those of whom they tell the same", "[proxy_socket]") {
  const Origin a({}, header_of({{1, "x"}})), b({}, header_of({{1, "y"}}));
  CHECK(a.key(OriginPart::nothing).empty());
  CHECK(a.key(OriginPart::addresses) == b.key(OriginPart::addresses));
  const Origin from({test::ip("9.9.9.9", 0), 0}, header_of()), marked({test::ip("9.9.9.9", 0), 7}, header_of());
  CHECK_FALSE(from.key(OriginPart::nothing).empty());
  CHECK(from.key(OriginPart::nothing) != marked.key(OriginPart::nothing));
  CHECK(from.options.size() + 1 == marked.options.size());
}

TEST_CASE("what a PROXY header said is what is told on", "[proxy_socket]") {
  http::ConnectionInfo info;
  info.remote = test::ip("127.0.0.1", 5);
  info.local = test::ip("127.0.0.1", 80);
  CHECK(info.origin()->header.source == info.remote);
  http::ConnectionInfo behind;
  behind.facts().proxy = std::make_shared<const ProxyHeader>(header_of());
  behind.tells_addresses = false;
  CHECK(behind.origin()->header.source == test::ip("1.2.3.4", 11));
  http::ConnectionInfo silent;
  silent.remote = info.remote;
  silent.tells_addresses = false;
  CHECK(silent.origin()->header.source.empty());
}
