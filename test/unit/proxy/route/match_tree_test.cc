#include "proxy/route/match_tree.h"

#include <catch2/catch.hpp>

#include "proxy/http/connection_facts.h"

using namespace outrigger;
using format::Context;
using route::MatchOutcome;
using route::MatchTree;

namespace {

/// What the tests look at: a text of the connection, or none when it is empty.
std::string_view server_name(const Context& c, std::string&) {
  const auto name = c.info->connection->requested_server_name;
  return name.empty() ? std::string_view() : name;
}
MatchOutcome number(std::uint32_t n) { return {n}; }
MatchOutcome into(MatchTree m) { return {0, std::make_shared<const MatchTree>(std::move(m))}; }
MatchTree map_of(MatchTree::Kind kind, const std::vector<std::pair<std::string, MatchOutcome>>& all) {
  MatchTree m;
  m.kind = kind;
  m.input = server_name;
  for (const auto& [key, outcome] : all) m.add(key, outcome);
  return m;
}
MatchTree::Range range(std::string_view ip, unsigned bits, MatchOutcome to, bool exclusive = false) {
  return {{net::CidrRange::parse(ip, bits).value()}, std::move(to), exclusive};
}
MatchTree ranges_of(std::vector<MatchTree::Range> all) {
  MatchTree m;
  m.kind = MatchTree::ip_ranges;
  m.input = server_name;
  m.set_ranges(std::move(all));
  return m;
}
int find(const MatchTree& m, std::string_view text) {
  http::ConnectionInfo info;
  info.requested_server_name = text;
  const auto f = m.find(info);
  return f ? static_cast<int>(*f) : -1;
}
const MatchTree kNothing = map_of(MatchTree::exact_map, {{"1", number(9)}, {"10.1.9.9", number(9)}});

}  // namespace

TEST_CASE("an exact map takes whole values, and none when there is none", "[match_tree]") {
  auto m = map_of(MatchTree::exact_map, {{"a", number(1)}, {"", number(2)}, {"b", into(kNothing)}});
  CHECK(find(m, "a") == 1);
  CHECK(find(m, "ab") == -1);
  CHECK(find(m, "b") == -1);
  CHECK(find(m, "") == -1);
  m.otherwise = number(5);
  CHECK(find(m, "b") == 5);
  CHECK(find(m, "") == 5);
  m.otherwise->keep_matching = true;
  CHECK(find(m, "") == -1);
}

TEST_CASE("a prefix map tries shorter prefixes when a longer one's tree finds nothing", "[match_tree]") {
  const auto m =
      map_of(MatchTree::prefix_map, {{"", number(0)}, {"10.", number(1)}, {"10.1.", into(kNothing)}, {"10.2.", number(2)}});
  CHECK(find(m, "10.1.2.3") == 1);
  CHECK(find(m, "10.1.9.9") == 9);
  CHECK(find(m, "10.2.2.3") == 2);
  CHECK(find(m, "11.2.2.3") == 0);
}

TEST_CASE("ranges match the most specific first, in the order of the config among equals", "[match_tree]") {
  auto m = ranges_of({range("10.0.0.0", 8, number(0)), range("10.1.0.0", 16, number(1)), range("10.1.0.0", 16, number(2)),
                      range("10.1.2.0", 24, into(kNothing))});
  CHECK(find(m, "10.1.2.3") == 1);
  CHECK(find(m, "10.9.2.3") == 0);
  CHECK(find(m, "11.1.2.3") == -1);
  CHECK(find(m, "no address") == -1);
  m.otherwise = number(5);
  CHECK(find(m, "11.1.2.3") == 5);
}

TEST_CASE("an exclusive range matches only when nothing is more specific", "[match_tree]") {
  const auto m = ranges_of({range("10.0.0.0", 8, number(0), true), range("10.1.2.0", 24, into(kNothing))});
  CHECK(find(m, "10.1.2.3") == -1);
  CHECK(find(m, "10.1.3.3") == 0);
}

TEST_CASE("lists go on after trees that find nothing and after outcomes to be passed over", "[match_tree]") {
  const auto yes = [](const Context&) { return route::Matched::yes; };
  const auto no = [](const Context&) { return route::Matched::no; };
  MatchTree m;
  m.fields = {{no, number(0)}, {yes, into(kNothing)}, {yes, {3, nullptr, true}}, {yes, number(1)}};
  CHECK(find(m, "a") == 1);
  CHECK(find(m, "1") == 9);
  m.fields = {{no, number(0)}};
  CHECK(find(m, "a") == -1);
  const auto unable = [](const Context&) { return route::Matched::unable; };
  m.fields = {{unable, number(0)}, {yes, number(1)}};
  m.otherwise = number(2);
  CHECK(find(m, "a") == -1);
  m.fields = {{yes, number(1)}, {unable, number(0)}};
  CHECK(find(m, "a") == 1);
}

TEST_CASE("what needs TLS ends the search on a plain connection", "[match_tree]") {
  auto m = map_of(MatchTree::exact_map, {{"a", number(1)}});
  m.otherwise = number(2);
  CHECK(find(m, "b") == 2);
  m.input_of_tls = true;
  CHECK(find(m, "a") == -1);
  CHECK(find(m, "b") == -1);
  MatchTree outer;
  outer.fields = {{[](const Context&) { return route::Matched::yes; }, into(m)}};
  outer.otherwise = number(3);
  CHECK(find(outer, "b") == -1);
}

TEST_CASE("domains match by name, by the longest wildcard, or all", "[match_tree]") {
  const auto m = map_of(
      MatchTree::domains,
      {{"a.example", number(0)}, {"*.a.example", number(1)}, {"*.example", number(2)}, {"*", number(3)}, {".b", number(4)}});
  CHECK(find(m, "a.example") == 0);
  CHECK(find(m, "x.y.a.example") == 1);
  CHECK(find(m, "b.example") == 2);
  CHECK(find(m, "other") == 3);
  CHECK(find(m, ".b") == 4);
  CHECK(find(m, "a.b") == 3);  // a dot in front makes no wildcard
  CHECK(find(m, std::string(100'000, '.') + "a.example") == 1);
  CHECK(find(m, "") == -1);
}
