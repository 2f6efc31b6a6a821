// Which filter chain takes a connection: each criterion in Envoy's order, the most specific first, none goes back.
#include <catch2/catch.hpp>

#include "proxy/server/listener_config.h"
#include "support/stream.h"

using namespace outrigger;
using FilterChainMatch = listener::ChainMatch;

namespace {

net::CidrRange range(std::string_view text) {
  const auto slash = text.find('/');
  return net::CidrRange::parse(text.substr(0, slash), static_cast<unsigned>(std::stoul(std::string(text.substr(slash + 1)))))
      .value();
}

struct Match : FilterChainMatch {
  Match& port(std::uint16_t p) { return destination_port = p, *this; }
  Match& to(std::string_view r) { return destination.push_back(range(r)), *this; }
  Match& direct(std::string_view r) { return direct_source.push_back(range(r)), *this; }
  Match& from(std::string_view r) { return source.push_back(range(r)), *this; }
  Match& from_port(std::uint16_t p) { return source_ports.push_back(p), *this; }
  Match& type(SourceType t) { return source_type = t, *this; }
  Match& tls() { return transport_protocol = "tls", *this; }
};

struct Listener {
  server::ListenerConfig config;
  Listener(const std::vector<std::pair<std::string, Match>>& chains, bool fallback = true) {
    for (const auto& [name, match] : chains) {
      auto& c = config.chains.emplace_back();
      c.name = name;
      REQUIRE(config.chain_index.add(match, static_cast<std::uint32_t>(config.chains.size() - 1)));
    }
    config.chain_index.seal();
    if (fallback) config.default_chain.emplace().name = "default";
  }
  std::string find(std::string_view local, std::uint16_t local_port, std::string_view remote, std::uint16_t remote_port = 1,
                   std::string_view direct = {}) const {
    http::ConnectionInfo info;
    info.local = test::ip(local, local_port);
    info.remote = test::ip(remote, remote_port);
    info.direct_remote = direct.empty() ? info.remote : test::ip(direct, remote_port);
    const auto* chain = server::find_filter_chain(config, info);
    return chain == nullptr ? "none" : chain->name;
  }
};

}  // namespace

TEST_CASE("a lone chain without criteria takes everything", "[filter_chain]") {
  const Listener l({{"only", {}}}, false);
  CHECK(l.find("10.0.0.1", 80, "1.1.1.1") == "only");
  CHECK(Listener({}, true).find("10.0.0.1", 80, "1.1.1.1") == "default");
  CHECK(Listener({}, false).find("10.0.0.1", 80, "1.1.1.1") == "none");
  CHECK(Listener({{"tls", Match().tls()}}, false).find("10.0.0.1", 80, "1.1.1.1") == "none");
}

TEST_CASE("destination ports", "[filter_chain]") {
  const Listener l({{"any", {}}, {"80", Match().port(80)}, {"0", Match().port(0)}});
  for (const auto& [port, name] : {std::pair(80, "80"), {81, "any"}, {79, "any"}})
    CHECK(l.find("10.0.0.1", static_cast<std::uint16_t>(port), "1.1.1.1") == name);
  CHECK(Listener({{"80", Match().port(80)}}).find("10.0.0.1", 81, "1.1.1.1") == "default");
}

TEST_CASE("the longest range of destinations wins", "[filter_chain]") {
  const Listener l({{"any", {}},
                    {"8", Match().to("10.0.0.0/8")},
                    {"16", Match().to("192.0.0.0/16").to("10.1.0.0/16")},
                    {"host", Match().to("10.1.2.3/32")},
                    {"v6", Match().to("fd00::/8")}});
  for (const auto& [address, name] : {std::pair("10.1.2.3", "host"),
                                      {"10.1.2.4", "16"},
                                      {"10.2.0.0", "8"},
                                      {"192.0.1.1", "16"},
                                      {"11.0.0.0", "any"},
                                      {"9.255.255.255", "any"},
                                      {"fd12::1", "v6"},
                                      {"fe80::1", "any"}})
    CHECK(l.find(address, 80, "1.1.1.1") == name);
}

TEST_CASE("what was chosen by one criterion is not reconsidered for a later one", "[filter_chain]") {
  const Listener l({{"port", Match().port(80).from("2.0.0.0/8")}, {"range", Match().to("10.0.0.0/8")}});
  CHECK(l.find("10.0.0.1", 80, "2.2.2.2") == "port");
  CHECK(l.find("10.0.0.1", 80, "3.3.3.3") == "default");  // not "range"
  CHECK(l.find("10.0.0.1", 81, "3.3.3.3") == "range");
  const Listener ranges({{"narrow", Match().to("10.1.0.0/16").from_port(5)}, {"wide", Match().to("10.0.0.0/8")}});
  CHECK(ranges.find("10.1.0.1", 80, "1.1.1.1", 6) == "default");
  CHECK(ranges.find("10.1.0.1", 80, "1.1.1.1", 5) == "narrow");
}

TEST_CASE("the order is port, destination, direct source, source type, source, source port", "[filter_chain]") {
  // Each pair of chains differs in two criteria; the one with the earlier criterion wins.
  struct Row {
    Match earlier, later;
  };
  for (const Row& r : {
           Row{Match().port(80), Match().to("10.0.0.1/32")},
           Row{Match().to("10.0.0.0/8"), Match().direct("2.2.2.2/32")},
           Row{Match().direct("2.0.0.0/8"), Match().type(FilterChainMatch::external)},
           Row{Match().type(FilterChainMatch::external), Match().from("2.2.2.2/32")},
           Row{Match().from("2.0.0.0/8"), Match().from_port(5)},
           Row{Match().port(80), Match().from_port(5)},
       }) {
    CHECK(Listener({{"later", r.later}, {"earlier", r.earlier}}).find("10.0.0.1", 80, "2.2.2.2", 5) == "earlier");
    CHECK(Listener({{"earlier", r.earlier}, {"later", r.later}}).find("10.0.0.1", 80, "2.2.2.2", 5) == "earlier");
  }
}

TEST_CASE("kinds of sources", "[filter_chain]") {
  const Listener l({{"any", {}},
                    {"same", Match().type(FilterChainMatch::same_ip_or_loopback)},
                    {"external", Match().type(FilterChainMatch::external)}});
  for (const auto& [remote, name] : {std::pair("127.0.0.1", "same"),
                                     {"127.9.9.9", "external"},
                                     {"::1", "same"},
                                     {"10.0.0.1", "same"},
                                     {"10.0.0.2", "external"},
                                     {"1.1.1.1", "external"}})
    CHECK(l.find("10.0.0.1", 80, remote) == name);
  const Listener one({{"same", Match().type(FilterChainMatch::same_ip_or_loopback)}});
  CHECK(one.find("10.0.0.1", 80, "1.1.1.1") == "default");
}

TEST_CASE("sources, direct and as a proxy in front told them", "[filter_chain]") {
  const Listener l({{"any", {}}, {"direct", Match().direct("10.0.0.0/8")}, {"source", Match().from("20.0.0.0/8")}});
  CHECK(l.find("9.9.9.9", 80, "20.1.1.1", 1, "10.1.1.1") == "direct");
  CHECK(l.find("9.9.9.9", 80, "20.1.1.1", 1, "11.1.1.1") == "source");
  CHECK(l.find("9.9.9.9", 80, "10.1.1.1", 1, "11.1.1.1") == "any");
  CHECK(l.find("9.9.9.9", 80, "10.1.1.1") == "direct");
}

TEST_CASE("source ports", "[filter_chain]") {
  const Listener l({{"any", {}}, {"ports", Match().from_port(5).from_port(7)}});
  for (const auto& [port, name] : {std::pair(5, "ports"), {6, "any"}, {7, "ports"}, {0, "any"}})
    CHECK(l.find("9.9.9.9", 80, "1.1.1.1", static_cast<std::uint16_t>(port)) == name);
}

TEST_CASE("a chain that wants TLS never takes a plain connection", "[filter_chain]") {
  CHECK(Listener({{"tls", Match().port(80).tls()}, {"plain", Match().port(80)}}).find("9.9.9.9", 80, "1.1.1.1") == "plain");
  CHECK(Listener({{"tls", Match().port(80).tls()}, {"any", {}}}).find("9.9.9.9", 80, "1.1.1.1") == "default");
}

TEST_CASE("Unix sockets have neither ports nor ranges", "[filter_chain]") {
  const Listener l({{"port", Match().port(80)}, {"range", Match().to("10.0.0.0/8")}, {"any", {}}});
  http::ConnectionInfo info;
  info.local = info.remote = info.direct_remote = net::Address::pipe("/s").value();
  CHECK(server::find_filter_chain(l.config, info)->name == "any");
}
