// Policies made at random say what a slow reading of their text says; what cannot be compiled is refused with its path.
#include <catch2/catch.hpp>

#include <random>

#include "support/rbac_model.h"
#include "support/xds.h"
#include "xds/compile/rbac.h"

namespace outrigger::xds {

namespace rbac_v3 = envoy::config::rbac::v3;
namespace model = test::rbac_model;

TEST_CASE("random policies decide as a slow reading of them does", "[rbac]") {
  model::Maker maker{std::mt19937(20260701)};
  unsigned matched = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto proto = maker.rules();
    Problems problems;
    const auto rules = compile_rbac_rules(proto, "space", "x_", Path(), problems);
    REQUIRE(rules != nullptr);
    for (int k = 0; k < 8; ++k) {
      const auto f = maker.facts();
      const model::Request request(f);
      const auto& outcome = rules->decide(request.context());
      const std::string name = model::matching(proto, f);
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
