// Policies made at random say what a slow reading of their text says; what cannot be compiled is refused with its path.
#include <catch2/catch.hpp>

#include <random>

#include "proxy/http/connection_facts.h"
#include "proxy/http/stream_info.h"
#include "support/xds.h"
#include "xds/compile/rbac.h"

namespace outrigger::xds {
namespace {

namespace rbac_v3 = envoy::config::rbac::v3;
using rbac_v3::Permission;
using rbac_v3::Principal;

/// What a request is, in a few letters each.
struct Facts {
  std::string path, header, host;  // an empty header: it has none
  unsigned port = 0, source = 0;   // the last byte of an address 10.0.0.x
};

// The model: one function per message, straight from the API's words.

bool holds(const envoy::config::route::v3::HeaderMatcher& m, const Facts& f) {
  return !f.header.empty() && f.header == m.string_match().exact();
}
bool holds(const envoy::config::core::v3::CidrRange& r, unsigned last) {
  const unsigned kept = r.prefix_len().value() - 24, first = static_cast<unsigned>(std::stoi(r.address_prefix().substr(7)));
  return last >> (8 - kept) == first >> (8 - kept);
}
bool path_holds(const envoy::type::matcher::v3::PathMatcher& m, const Facts& f) {
  return f.path.substr(0, f.path.find('?')) == m.path().exact();
}
bool holds(const Permission& p, const Facts& f) {
  if (p.any()) return true;
  if (p.has_not_rule()) return !holds(p.not_rule(), f);
  if (p.has_header()) return holds(p.header(), f);
  if (p.has_url_path()) return path_holds(p.url_path(), f);
  if (p.has_destination_port_range())
    return f.port >= static_cast<unsigned>(p.destination_port_range().start()) &&
           f.port < static_cast<unsigned>(p.destination_port_range().end());
  if (p.has_requested_server_name()) return f.host == p.requested_server_name().exact();
  if (p.has_and_rules()) {
    for (const auto& r : p.and_rules().rules())
      if (!holds(r, f)) return false;
    return true;
  }
  if (p.has_or_rules()) {
    for (const auto& r : p.or_rules().rules())
      if (holds(r, f)) return true;
    return false;
  }
  return f.port == p.destination_port();
}
bool holds(const Principal& p, const Facts& f) {
  if (p.any()) return true;
  if (p.has_not_id()) return !holds(p.not_id(), f);
  if (p.has_header()) return holds(p.header(), f);
  if (p.has_url_path()) return path_holds(p.url_path(), f);
  if (p.has_remote_ip()) return holds(p.remote_ip(), f.source);
  if (p.has_authenticated()) return false;  // there is no TLS
  if (p.has_and_ids()) {
    for (const auto& i : p.and_ids().ids())
      if (!holds(i, f)) return false;
    return true;
  }
  for (const auto& i : p.or_ids().ids())
    if (holds(i, f)) return true;
  return false;
}

/// The name of the policy that matches, the first by name; empty: none.
std::string matching(const rbac_v3::RBAC& r, const Facts& f) {
  std::string first;
  for (const auto& [name, policy] : r.policies()) {
    bool permitted = false, known = false;
    for (const auto& p : policy.permissions()) permitted = permitted || holds(p, f);
    for (const auto& p : policy.principals()) known = known || holds(p, f);
    if (permitted && known && (first.empty() || name < first)) first = name;
  }
  return first;
}

class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  std::string letter() { return std::string(1, static_cast<char>('a' + below(3))); }
  Facts facts() {
    return {"/" + letter() + (below(2) == 0 ? "?" + letter() : ""), below(4) == 0 ? "" : letter(), letter(), 80 + below(4),
            below(8)};
  }
  void fill(Permission& p, unsigned depth) {
    switch (below(depth > 3 ? 6 : 9)) {
      case 0: return p.set_any(true);
      case 1: return header(*p.mutable_header());
      case 2: return p.mutable_url_path()->mutable_path()->set_exact("/" + letter());
      case 3: return p.set_destination_port(80 + below(4));
      case 4:
        p.mutable_destination_port_range()->set_start(static_cast<int>(80 + below(4)));
        return p.mutable_destination_port_range()->set_end(static_cast<int>(80 + below(5)));
      case 5: return p.mutable_requested_server_name()->set_exact(letter());
      case 6: return fill(*p.mutable_not_rule(), depth + 1);
      case 7:
        for (unsigned n = 1 + below(3); n > 0; --n) fill(*p.mutable_and_rules()->add_rules(), depth + 1);
        return;
      default:
        for (unsigned n = 1 + below(3); n > 0; --n) fill(*p.mutable_or_rules()->add_rules(), depth + 1);
    }
  }
  void fill(Principal& p, unsigned depth) {
    switch (below(depth > 3 ? 5 : 8)) {
      case 0: return p.set_any(true);
      case 1: return header(*p.mutable_header());
      case 2: return p.mutable_url_path()->mutable_path()->set_exact("/" + letter());
      case 3:
        p.mutable_remote_ip()->set_address_prefix("10.0.0." + std::to_string(below(8)));
        return p.mutable_remote_ip()->mutable_prefix_len()->set_value(29 + below(4));
      case 4: return void(p.mutable_authenticated());
      case 5: return fill(*p.mutable_not_id(), depth + 1);
      case 6:
        for (unsigned n = 1 + below(3); n > 0; --n) fill(*p.mutable_and_ids()->add_ids(), depth + 1);
        return;
      default:
        for (unsigned n = 1 + below(3); n > 0; --n) fill(*p.mutable_or_ids()->add_ids(), depth + 1);
    }
  }
  rbac_v3::RBAC rules() {
    rbac_v3::RBAC r;
    r.set_action(static_cast<rbac_v3::RBAC::Action>(below(3)));
    for (unsigned n = below(4); n > 0; --n) {
      auto& policy = (*r.mutable_policies())[letter() + letter()];
      for (unsigned k = 1 + below(3); k > 0; --k) fill(*policy.add_permissions(), 0);
      for (unsigned k = 1 + below(3); k > 0; --k) fill(*policy.add_principals(), 0);
    }
    return r;
  }

 private:
  void header(envoy::config::route::v3::HeaderMatcher& m) {
    m.set_name("x-a");
    m.mutable_string_match()->set_exact(letter());
  }
  std::mt19937 random_;
};

}  // namespace

TEST_CASE("random policies decide as a slow reading of them does", "[rbac]") {
  Maker maker(20260701);
  unsigned matched = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto proto = maker.rules();
    Problems problems;
    const auto rules = compile_rbac_rules(proto, "space", "x_", Path(), problems);
    REQUIRE(rules != nullptr);
    for (int k = 0; k < 8; ++k) {
      const Facts f = maker.facts();
      Arena arena;
      http::RequestHead request(arena);
      request.path = f.path;
      if (!f.header.empty()) request.headers.add("x-a", f.header);
      http::ConnectionInfo connection;
      connection.local = *net::Address::parse_ip("10.1.1.1", static_cast<std::uint16_t>(f.port));
      connection.remote = *net::Address::parse_ip("10.0.0." + std::to_string(f.source), 1234);
      connection.requested_server_name = f.host;
      http::StreamInfo info;
      info.connection = &connection;
      const auto& outcome = rules->decide({.info = &info, .request = &request});
      const std::string name = matching(proto, f);
      INFO(proto.DebugString() << f.path << ' ' << f.header << ' ' << f.host << ' ' << f.port << ' ' << f.source);
      REQUIRE(outcome.policy == name);
      const bool log = proto.action() == rbac_v3::RBAC::LOG, allow = proto.action() == rbac_v3::RBAC::ALLOW;
      REQUIRE(outcome.allowed == (log || allow == !name.empty()));
      matched += name.empty() ? 0 : 1;
    }
  }
  CHECK(matched > 3000);  // of 24000: neither way is rare
  CHECK(matched < 21000);
}

TEST_CASE("a policy that cannot be compiled takes all rules with it", "[rbac]") {
  const auto refused = [](const std::string& yaml) {
    Problems problems;
    const auto p =
        test::good<rbac_v3::RBAC>("policies: {a: {permissions: [{any: true}], principals: [{any: true}]}, b: " + yaml + "}");
    CHECK(compile_rbac_rules(p, "space", "x_", Path(), problems) == nullptr);
    return problems.list().empty() ? std::string("none") : problems.list().front().path;
  };
  CHECK(refused("{permissions: [{url_path: {path: {safe_regex: {regex: '['}}}}], principals: [{any: true}]}") ==
        "policies.b.permissions[0].url_path.path.safe_regex.regex");
  CHECK(refused("{permissions: [{any: true}], principals: [{any: true}, {not_id: {remote_ip: {address_prefix: x}}}]}")
            .starts_with("policies.b.principals[1].not_id.remote_ip"));
  std::string deep = "{any: true}";
  for (int i = 0; i < 70; ++i) deep = "{not_rule: " + deep + "}";
  CHECK(refused("{permissions: [" + deep + "], principals: [{any: true}]}").starts_with("policies.b.permissions[0].not_rule"));
}

TEST_CASE("outcomes name their policy in details and metadata", "[rbac]") {
  Problems problems;
  const auto p =
      test::good<rbac_v3::RBAC>("{action: DENY, policies: {'a b': {permissions: [{any: true}], principals: [{any: true}]}}}");
  const auto rules = compile_rbac_rules(p, "space", "x_", Path(), problems);
  REQUIRE(rules != nullptr);
  http::ConnectionInfo connection;
  http::StreamInfo info;
  info.connection = &connection;
  const auto& o = rules->decide({.info = &info});
  CHECK(o.details == "rbac_access_denied_matched_policy[a_b]");
  MetadataPtr metadata;
  filters::note_outcome(o, "space", metadata);
  CHECK(metadata == o.metadata);
  filters::note_log_hint(true, metadata);
  std::string json;
  metadata->append_json(json);
  CHECK(json ==
        R"({"envoy.common":{"access_log_hint":true},"space":{"x_effective_policy_id":"a b","x_engine_result":"denied"}})");
}

}  // namespace outrigger::xds
