#include "proxy/listener/chain_matcher.h"

#include <catch2/catch.hpp>

#include "proxy/http/connection_facts.h"

using namespace outrigger;
using listener::ChainInput;
using listener::ChainMatcher;
using listener::ChainOutcome;
using listener::ChainPredicate;

namespace {

http::ConnectionInfo connection(std::string_view local = "10.1.2.3:80") {
  http::ConnectionInfo info;
  info.local = net::Address::parse_ip_port(local).value();
  info.remote = info.direct_remote = net::Address::parse_ip_port("9.9.9.9:4567").value();
  return info;
}
ChainOutcome chain(std::uint32_t n) { return {n, nullptr, false}; }
ChainOutcome into(ChainMatcher m) { return {ChainOutcome::kUnknown, std::make_shared<const ChainMatcher>(std::move(m)), false}; }
ChainMatcher map_of(ChainMatcher::Kind kind, ChainInput::Kind input, std::map<std::string, ChainOutcome, std::less<>> map) {
  ChainMatcher m;
  m.kind = kind;
  m.input.kind = input;
  m.map = std::move(map);
  return m;
}
ChainMatcher::Range range(std::string_view ip, unsigned bits, ChainOutcome to, bool exclusive = false) {
  return {{net::CidrRange::parse(ip, bits).value()}, std::move(to), exclusive};
}
int find(const ChainMatcher& m, const http::ConnectionInfo& info) {
  const auto f = m.find(info);
  return f ? static_cast<int>(*f) : -1;
}
const ChainMatcher kNothing = map_of(ChainMatcher::exact_map, ChainInput::destination_port, {{"1", chain(9)}});

}  // namespace

TEST_CASE("inputs are texts of what is known of the connection", "[chain_matcher]") {
  auto info = connection();
  std::string out;
  const auto get = [&](ChainInput::Kind kind) { return ChainInput{kind, {}}.get(info, out) ? out : "none"; };
  CHECK(get(ChainInput::destination_ip) == "10.1.2.3");
  CHECK(get(ChainInput::destination_port) == "80");
  CHECK(get(ChainInput::source_ip) == "9.9.9.9");
  CHECK(get(ChainInput::source_port) == "4567");
  CHECK(get(ChainInput::direct_source_ip) == "9.9.9.9");
  CHECK(get(ChainInput::source_type) == "none");
  CHECK(get(ChainInput::server_name) == "none");
  CHECK(get(ChainInput::transport_protocol) == "raw_buffer");
  CHECK(get(ChainInput::application_protocol) == "none");
  info.facts().application_protocols = {"h2", "http/1.1"};
  info.facts().set_state(info.filter_state, "k", "v");
  info.remote = net::Address::parse_ip_port("127.0.0.1:1").value();
  CHECK(get(ChainInput::application_protocol) == "'h2','http/1.1'");
  CHECK(get(ChainInput::source_type) == "local");
  CHECK((ChainInput{ChainInput::filter_state, "k"}.get(info, out) && out == "v"));
  CHECK_FALSE(ChainInput{ChainInput::filter_state, "other"}.get(info, out));
}

TEST_CASE("a prefix map tries shorter prefixes when a longer one's tree finds nothing", "[chain_matcher]") {
  const auto m = map_of(ChainMatcher::prefix_map, ChainInput::destination_ip,
                        {{"", chain(0)}, {"10.", chain(1)}, {"10.1.", into(kNothing)}, {"10.2.", chain(2)}});
  CHECK(find(m, connection("10.1.2.3:80")) == 1);
  CHECK(find(m, connection("10.1.2.3:1")) == 9);
  CHECK(find(m, connection("10.2.2.3:80")) == 2);
  CHECK(find(m, connection("11.2.2.3:80")) == 0);
}

TEST_CASE("ranges match the most specific first, in the order of the config among equals", "[chain_matcher]") {
  ChainMatcher m;
  m.kind = ChainMatcher::ip_ranges;
  m.ranges = {range("10.0.0.0", 8, chain(0)), range("10.1.0.0", 16, chain(1)), range("10.1.0.0", 16, chain(2)),
              range("10.1.2.0", 24, into(kNothing))};
  CHECK(find(m, connection("10.1.2.3:80")) == 1);
  CHECK(find(m, connection("10.9.2.3:80")) == 0);
  CHECK(find(m, connection("11.1.2.3:80")) == -1);
  m.otherwise = chain(5);
  CHECK(find(m, connection("11.1.2.3:80")) == 5);
}

TEST_CASE("an exclusive range matches only when nothing is more specific", "[chain_matcher]") {
  ChainMatcher m;
  m.kind = ChainMatcher::ip_ranges;
  m.ranges = {range("10.0.0.0", 8, chain(0), true), range("10.1.2.0", 24, into(kNothing))};
  CHECK(find(m, connection("10.1.2.3:80")) == -1);
  CHECK(find(m, connection("10.1.3.3:80")) == 0);
}

TEST_CASE("lists go on after trees that find nothing and after outcomes to be passed over", "[chain_matcher]") {
  ChainPredicate yes;
  yes.input.kind = ChainInput::destination_port;
  yes.matcher.text = "80";
  ChainPredicate no = yes;
  no.matcher.text = "81";
  ChainMatcher m;
  m.fields = {{no, chain(0)}, {yes, into(kNothing)}, {yes, {3, nullptr, true}}, {yes, chain(1)}};
  CHECK(find(m, connection()) == 1);
  ChainPredicate negated{ChainPredicate::negated, {}, {}, {no}};
  ChainPredicate both{ChainPredicate::all_of, {}, {}, {yes, negated}};
  ChainPredicate either{ChainPredicate::any_of, {}, {}, {no, both}};
  m.fields = {{either, chain(4)}};
  CHECK(find(m, connection()) == 4);
  CHECK(find(m, connection("10.1.2.3:82")) == -1);
}

TEST_CASE("domains match by name, by the longest wildcard, or all", "[chain_matcher]") {
  const auto m = map_of(ChainMatcher::domains, ChainInput::server_name,
                        {{"a.example", chain(0)}, {".a.example", chain(1)}, {".example", chain(2)}, {"", chain(3)}});
  const auto of = [&](std::string_view name) {
    auto info = connection();
    info.requested_server_name = name;
    return find(m, info);
  };
  CHECK(of("a.example") == 0);
  CHECK(of("x.y.a.example") == 1);
  CHECK(of("b.example") == 2);
  CHECK(of("other") == 3);
  CHECK(of("") == -1);
}
