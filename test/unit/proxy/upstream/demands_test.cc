// What filter state asks of upstream connections, and which of them may be shared.
#include <catch2/catch.hpp>

#include "proxy/upstream/demands.h"

using namespace outrigger;  // NOLINT: a test
using http::FilterState;
using http::Sharing;
using http::StateKind;
using upstream::PeerNames;

namespace {

FilterState::Entry entry(std::string_view key, std::string_view value, StateKind kind, bool hashable = false,
                         Sharing sharing = Sharing::none) {
  FilterState::Entry e;
  e.key = key, e.value = value, e.kind = kind, e.hashable = hashable, e.sharing = sharing;
  return e;
}

PeerNames names_of(const FilterState& s) {
  PeerNames n;
  upstream::add_demands(&s, n);
  return n;
}

}  // namespace

TEST_CASE("without filter state nothing is asked", "[demands]") {
  PeerNames n;
  upstream::add_demands(nullptr, n);
  CHECK(n.empty());
  FilterState connection, request;
  request.parent = &connection;
  CHECK(names_of(request).empty());
  CHECK(upstream::shared_states(&request).empty());
  CHECK(upstream::Demands(n).with("\x02h2").alpn == "\x02h2");
}

TEST_CASE("names of filter state take the place of others, when they are of their kind", "[demands]") {
  FilterState s;
  auto sni = entry(http::state_key::kServerName, "a.example", StateKind::server_name);
  auto text = entry(http::state_key::kPeerNames, "x", StateKind::text);
  s.add(sni);
  s.add(text);
  PeerNames n;
  n.server_name = "b.example";
  n.certificate_name = "c.example";
  upstream::add_demands(&s, n);
  CHECK(n.server_name == "a.example");
  CHECK(n.certificate_names.empty());
  const upstream::Demands d(n);
  const auto with = d.with({});
  CHECK(with.server_name == "a.example");
  REQUIRE(with.peer_names.size() == 1);
  CHECK(with.peer_names[0] == "c.example");
}

TEST_CASE("lists are split at commas, their empty parts left out", "[demands]") {
  PeerNames n;
  n.certificate_name = "one.example";
  n.certificate_names = ",a.example,,b.example,";
  n.protocols = "h2,http/1.1";
  const upstream::Demands d(n);
  const auto with = d.with("\x01x");
  REQUIRE(with.peer_names.size() == 2);
  CHECK(with.peer_names[1] == "b.example");
  CHECK(with.protocols == std::string_view("\x02h2\x08http/1.1"));
  const std::string long_name(300, 'a');
  n.protocols = long_name;
  CHECK(upstream::Demands(n).with({}).protocols.empty());
}

TEST_CASE("connections are shared by equal names but for case", "[demands]") {
  PeerNames a, b;
  a.server_name = "A.example", b.server_name = "a.EXAMPLE";
  CHECK(a == b);
  CHECK(upstream::hash_of(a) == upstream::hash_of(b));
  b.protocols = "h2";
  CHECK_FALSE(a == b);
  b.protocols = {};
  b.shared = 1;
  CHECK_FALSE(a == b);
  CHECK_FALSE(b.empty());
}

TEST_CASE("what is shared and hashable tells connections apart by its value", "[demands]") {
  const auto hash = [](bool hashable, Sharing sharing, std::string_view key, std::string_view value) {
    FilterState s;
    auto e = entry(key, value, StateKind::text, hashable, sharing);
    s.add(e);
    return names_of(s).shared;
  };
  CHECK(hash(true, Sharing::once, "k", "v") != hash(true, Sharing::once, "k", "w"));
  CHECK(hash(true, Sharing::once, "k", "v") == hash(true, Sharing::transitive, "j", "v"));
  CHECK(hash(true, Sharing::none, "k", "v") == 0);
  CHECK(hash(false, Sharing::once, "k", "v") == 0);
}

TEST_CASE("what goes along is the newest under each key, of the request and its connection", "[demands]") {
  FilterState connection, request;
  request.parent = &connection;
  auto old = entry("a", "old", StateKind::text, false, Sharing::once);
  auto kept = entry("b", "kept", StateKind::number, true, Sharing::transitive);
  auto hidden = entry("a", "new", StateKind::text);
  auto again = entry("c", "one", StateKind::text, false, Sharing::once);
  auto last = entry("c", "two", StateKind::text, false, Sharing::once);
  connection.add(old);
  connection.add(kept);
  request.add(hidden);
  request.add(again);
  request.add(last);
  const auto shared = upstream::shared_states(&request);
  REQUIRE(shared.size() == 2);
  CHECK(shared[0].key == "c");
  CHECK(shared[0].value == "two");
  CHECK_FALSE(shared[0].transitive);
  CHECK(shared[1].key == "b");
  CHECK(shared[1].kind == StateKind::number);
  CHECK(shared[1].hashable);
  CHECK(shared[1].transitive);
}
