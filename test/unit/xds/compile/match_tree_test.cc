// Inputs and conditions of matchers, and trees made at random against a slow reading of their text.
#include "xds/compile/match_tree.h"

#include <catch2/catch.hpp>

#include <random>

#include "proxy/http/connection_facts.h"
#include "support/xds.h"
#include "xds/compile/match_inputs.h"
#include "xds/compile/rbac.h"

namespace outrigger::xds {
namespace {

using M = ::xds::type::matcher::v3::Matcher;
using Predicate = M::MatcherList::Predicate;

http::ConnectionInfo a_connection() {
  http::ConnectionInfo info;
  info.local = net::Address::parse_ip_port("10.1.2.3:80").value();
  info.remote = info.direct_remote = net::Address::parse_ip_port("9.9.9.9:4567").value();
  return info;
}

std::string input_of(const std::string& type, const format::Context& c, const std::string& fields = "") {
  const auto p = test::good<::xds::core::v3::TypedExtensionConfig>("{name: x, typed_config: {'@type': type.googleapis.com/" +
                                                                   type + (fields.empty() ? "" : ", " + fields) + "}}");
  Problems problems;
  const auto source = compile_match_input(p, Path(), problems);
  if (!source) return "refused";
  if (source->text == nullptr) return source->attributes ? "attributes" : "metadata";
  std::string scratch;
  const auto text = source->text(c, scratch);
  return text.data() == nullptr ? "none" : "'" + std::string(text) + "'";
}

// ---- the model: straight from the API's words

using Facts = std::map<std::string, std::string>;  // headers that are there

std::optional<std::string> value(const ::xds::core::v3::TypedExtensionConfig& input, const Facts& f) {
  const std::string name = input.typed_config().value().substr(2);  // one short field: its tag, its length, its bytes
  const auto at = f.find(name);
  return at == f.end() ? std::nullopt : std::optional(at->second);
}
bool holds(const Predicate& p, const Facts& f) {
  if (p.has_single_predicate()) {
    const auto v = value(p.single_predicate().input(), f);
    const auto& m = p.single_predicate().value_match();
    return v && (m.prefix().empty() ? *v == m.exact() : v->starts_with(m.prefix()));
  }
  if (p.has_not_matcher()) return !holds(p.not_matcher(), f);
  const bool all = p.has_and_matcher();
  bool any = false, every = true;
  for (const auto& part : (all ? p.and_matcher() : p.or_matcher()).predicate()) {
    const bool h = holds(part, f);
    any = any || h;
    every = every && h;
  }
  return all ? every : any;
}
std::string found(const M& m, const Facts& f);
std::string follow(const M::OnMatch& o, const Facts& f) {
  if (o.has_matcher()) return found(o.matcher(), f);
  envoy::config::rbac::v3::Action action;
  o.action().typed_config().UnpackTo(&action);
  return action.name();
}
std::string found(const M& m, const Facts& f) {
  std::string r;
  for (const auto& field : m.matcher_list().matchers())
    if (r.empty() && holds(field.predicate(), f)) r = follow(field.on_match(), f);
  if (const auto v = m.has_matcher_tree() ? value(m.matcher_tree().input(), f) : std::nullopt) {
    const auto& exact = m.matcher_tree().exact_match_map().map();
    if (exact.count(*v) != 0) r = follow(exact.at(*v), f);
    const auto& prefixes = m.matcher_tree().prefix_match_map().map();
    for (std::size_t n = v->size(); r.empty() && n > 0; --n)
      if (prefixes.count(v->substr(0, n)) != 0) r = follow(prefixes.at(v->substr(0, n)), f);
  }
  return r.empty() && m.has_on_no_match() ? follow(m.on_no_match(), f) : r;
}

class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  std::string word() {
    std::string w;
    for (unsigned n = 1 + below(2); n > 0; --n) w += static_cast<char>('a' + below(2));
    return w;
  }
  Facts facts() {
    Facts f;
    for (const char* name : {"x", "y"})
      if (below(3) != 0) f[name] = word();
    return f;
  }
  M tree(unsigned depth) {
    M m;
    const unsigned kind = below(4);
    if (kind < 2) {
      *m.mutable_matcher_list() = lists(depth);
    } else {
      auto& t = *m.mutable_matcher_tree();
      input(*t.mutable_input());
      for (unsigned n = 1 + below(3); n > 0; --n)
        (*(kind == 2 ? t.mutable_exact_match_map() : t.mutable_prefix_match_map())->mutable_map())[word()] = outcome(depth);
    }
    if (below(3) == 0) *m.mutable_on_no_match() = outcome(depth);
    return m;
  }

 private:
  M::MatcherList lists(unsigned depth) {
    M::MatcherList l;
    for (unsigned n = 1 + below(3); n > 0; --n) {
      auto& field = *l.add_matchers();
      *field.mutable_predicate() = predicate(0);
      *field.mutable_on_match() = outcome(depth);
    }
    return l;
  }
  void input(::xds::core::v3::TypedExtensionConfig& p) {
    p.set_name("i");
    p.mutable_typed_config()->set_type_url("type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput");
    p.mutable_typed_config()->set_value(std::string("\x0a\x01") + (below(2) == 0 ? "x" : "y"));
  }
  Predicate predicate(unsigned depth) {
    Predicate p;
    switch (below(depth > 2 ? 2 : 5)) {
      case 0:
        input(*p.mutable_single_predicate()->mutable_input());
        p.mutable_single_predicate()->mutable_value_match()->set_exact(word());
        break;
      case 1:
        input(*p.mutable_single_predicate()->mutable_input());
        p.mutable_single_predicate()->mutable_value_match()->set_prefix(word());
        break;
      case 2: *p.mutable_not_matcher() = predicate(depth + 1); break;
      case 3:
        for (unsigned n = 2 + below(2); n > 0; --n) *p.mutable_and_matcher()->add_predicate() = predicate(depth + 1);
        break;
      default:
        for (unsigned n = 2 + below(2); n > 0; --n) *p.mutable_or_matcher()->add_predicate() = predicate(depth + 1);
    }
    return p;
  }
  M::OnMatch outcome(unsigned depth) {
    M::OnMatch o;
    if (depth < 3 && below(3) == 0) {
      *o.mutable_matcher() = tree(depth + 1);
      return o;
    }
    envoy::config::rbac::v3::Action action;
    action.set_name("n" + std::to_string(++names_));
    o.mutable_action()->set_name("a");
    o.mutable_action()->mutable_typed_config()->PackFrom(action);
    return o;
  }
  std::mt19937 random_;
  unsigned names_ = 0;
};

}  // namespace

TEST_CASE("inputs are texts of what is known of the connection and the request", "[match_tree]") {
  auto connection = a_connection();
  http::StreamInfo info;
  info.connection = &connection;
  info.filter_state.parent = &connection.filter_state;
  Arena arena;
  http::RequestHead request(arena);
  request.path = "/p";
  request.headers.add("x-a", "1");
  request.headers.add("x-b", "2");
  request.headers.add("x-a", "3");
  request.headers.add("x-empty", "");
  const format::Context c{.info = &info, .request = &request};
  const auto network = [&](const std::string& kind, const std::string& fields = "") {
    return input_of("envoy.extensions.matching.common_inputs.network.v3." + kind + "Input", c, fields);
  };
  CHECK(network("DestinationIP") == "'10.1.2.3'");
  CHECK(network("DestinationPort") == "'80'");
  CHECK(network("SourceIP") == "'9.9.9.9'");
  CHECK(network("SourcePort") == "'4567'");
  CHECK(network("DirectSourceIP") == "'9.9.9.9'");
  CHECK(network("SourceType") == "none");
  CHECK(network("ServerName") == "none");
  CHECK(network("TransportProtocol") == "'raw_buffer'");
  CHECK(network("ApplicationProtocol") == "none");
  CHECK(network("FilterState", "key: k") == "none");
  CHECK(network("DynamicMetadata", "filter: f, path: [{key: k}]") == "metadata");
  connection.facts().application_protocols = {"h2", "http/1.1"};
  connection.facts().set_state(connection.filter_state, "k", "v");
  connection.remote = net::Address::parse_ip_port("127.0.0.1:1").value();
  connection.requested_server_name = "a.example";
  CHECK(network("ApplicationProtocol") == "''h2','http/1.1''");
  CHECK(network("SourceType") == "'local'");
  CHECK(network("ServerName") == "'a.example'");
  CHECK(network("FilterState", "key: k") == "'v'");
  info.remote_override = net::Address::parse_ip_port("[::1]:5").value();
  CHECK(network("SourceIP") == "'::1'");
  const auto header = [&](const std::string& name) {
    return input_of("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", c, "header_name: '" + name + "'");
  };
  CHECK(header("X-A") == "'1,3'");
  CHECK(header("x-b") == "'2'");
  CHECK(header("x-empty") == "''");
  CHECK(header("x-none") == "none");
  CHECK(header(":path") == "'/p'");
  CHECK(header(":method") == "none");
  CHECK(input_of("envoy.extensions.matching.common_inputs.ssl.v3.UriSanInput", c) == "none");
  CHECK(input_of("xds.type.matcher.v3.HttpAttributesCelMatchInput", c) == "attributes");
  CHECK(input_of("google.protobuf.StringValue", c, "value: a") == "refused");
}

TEST_CASE("random trees find what a slow reading of them finds", "[match_tree]") {
  Maker maker(20261127);
  unsigned matched = 0;
  for (int i = 0; i < 2000; ++i) {
    const M proto = maker.tree(0);
    Problems problems;
    const auto rules = compile_rbac_matcher(proto, "space", "x_", Path(), problems);
    REQUIRE(rules != nullptr);
    for (int k = 0; k < 8; ++k) {
      const Facts f = maker.facts();
      Arena arena;
      http::RequestHead request(arena);
      for (const auto& [name, v] : f) request.headers.add(name, v);
      http::ConnectionInfo connection;
      http::StreamInfo info;
      info.connection = &connection;
      const auto& outcome = rules->decide({.info = &info, .request = &request});
      INFO(proto.DebugString());
      REQUIRE(outcome.policy == found(proto, f));
      REQUIRE(outcome.allowed == !outcome.policy.empty());  // all actions allow
      matched += outcome.policy.empty() ? 0 : 1;
    }
  }
  CHECK(matched > 3000);  // of 16000: neither way is rare
  CHECK(matched < 14000);
}

TEST_CASE("what in a matcher cannot be honoured is refused with its path", "[match_tree]") {
  const auto refused = [](const std::string& yaml, std::string_view space = "envoy.filters.http.rbac") {
    Problems problems;
    const auto p = test::good<M>(yaml);
    CHECK(compile_rbac_matcher(p, space, "x_", Path() / "matcher", problems) == nullptr);
    return problems.list().empty() ? std::string("none") : problems.list().back().path;
  };
  const std::string action =
      "{action: {name: a, typed_config: {'@type': type.googleapis.com/envoy.config.rbac.v3.Action, name: a}}}";
  const auto one = [&](const std::string& type, const std::string& match = "value_match: {exact: a}") {
    return "{matcher_list: {matchers: [{predicate: {single_predicate: {input: {name: i, typed_config: {'@type': "
           "type.googleapis.com/" +
           type + "}}, " + match + "}}, on_match: " + action + "}]}}";
  };
  const std::string in = "matcher.matcher_list.matchers[0].predicate.single_predicate.";
  const std::string cel = "xds.type.matcher.v3.HttpAttributesCelMatchInput";
  CHECK(refused(one("envoy.extensions.matching.common_inputs.network.v3.SourceTypeInput")) == in + "input.typed_config");
  CHECK(refused(one("envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: a"), "envoy.filters.network.rbac") ==
        in + "input.typed_config");
  CHECK(refused(one(cel)) == in + "value_match");
  CHECK(
      refused(one(
          cel, "custom_match: {name: c, typed_config: {'@type': type.googleapis.com/google.protobuf.StringValue, value: a}}")) ==
      in + "custom_match");
  CHECK(refused(
            one(cel,
                "custom_match: {name: c, typed_config: {'@type': type.googleapis.com/xds.type.matcher.v3.CelMatcher, expr_match: "
                "{cel_expr_parsed: {expr: {id: 4, call_expr: {function: '!_', args: [{id: 5}]}}}}}}")) ==
        in + "custom_match.typed_config.expr_match.cel_expr_parsed");
  CHECK(refused("{on_no_match: {keep_matching: true, " + action.substr(1) + "}") == "matcher.on_no_match.keep_matching");
  CHECK(refused("{on_no_match: {action: {name: a, typed_config: {'@type': type.googleapis.com/google.protobuf.StringValue, "
                "value: a}}}}") == "matcher.on_no_match.action.typed_config");
}

}  // namespace outrigger::xds
