// The filters rbac: the one of HTTP with its config per route, and the one of connections.
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb.h"
#include "filters/network_rbac.h"
#include "filters/rbac.h"
#include "xds/compile/filter_kinds.h"
#include "xds/compile/rbac.h"

namespace outrigger::xds {

namespace rbac_v3 = envoy::extensions::filters::http::rbac::v3;

namespace {

/// The matcher, or the rules. Null: there are neither, or they are wrong (told).
RbacRulesPtr compile_either(const auto& p, bool shadow, std::string_view space, const std::string& prefix, const Path& at,
                            Problems& problems) {
  const bool has_rules = shadow ? p.has_shadow_rules() : p.has_rules();
  const std::string_view rules = shadow ? "shadow_rules" : "rules", matcher = shadow ? "shadow_matcher" : "matcher";
  if (shadow ? p.has_shadow_matcher() : p.has_matcher()) {
    if (has_rules) problems.warn(at / rules, "not used: there is a " + std::string(matcher));
    return compile_rbac_matcher(shadow ? p.shadow_matcher() : p.matcher(), space, prefix, at / matcher, problems);
  }
  return has_rules ? compile_rbac_rules(shadow ? p.shadow_rules() : p.rules(), space, prefix, at / rules, problems) : nullptr;
}

filters::RbacConfig compile_config(const rbac_v3::RBAC& p, const Path& at, Problems& problems) {
  filters::RbacConfig o;
  o.prefix = p.rules_stat_prefix();
  o.shadow_prefix = p.shadow_rules_stat_prefix();
  o.rules = compile_either(p, false, filters::kRbacSpace, p.rules_stat_prefix() + "enforced_", at, problems);
  o.shadow = compile_either(p, true, filters::kRbacSpace, p.shadow_rules_stat_prefix() + "shadow_", at, problems);
  o.count_policies = p.track_per_rule_stats();
  return o;
}

/// `before`: with its dot; `own`: of the rules.
filters::RbacStats make_stats(CompileContext& c, const std::string& before, const std::string& own, bool shadow) {
  const std::string dotted = own.empty() || own.ends_with('.') ? own : own + ".";
  return filters::RbacStats::make(c.stats, before + "rbac." + stats::sanitize(dotted), shadow);
}

FilterPtr make_rbac(const rbac_v3::RBAC& p, const FilterPlace& at, CompileContext& c) {
  const auto errors = c.problems.errors();
  auto config = compile_config(p, at.config, c.problems);
  if (c.problems.errors() != errors) return nullptr;
  const auto stats = [&](const std::string& own, bool shadow) { return make_stats(c, at.stat_prefix, own, shadow); };
  return std::make_shared<filters::RbacFactory>(std::move(config), stats(p.rules_stat_prefix(), false),
                                                stats(p.shadow_rules_stat_prefix(), true));
}

/// Without rules: the route is not checked.
OverridePtr override_rbac(const rbac_v3::RBACPerRoute& p, const Path& at, Problems& problems, const CompileContext&) {
  return std::make_shared<const filters::RbacConfig>(compile_config(p.rbac(), at / "rbac", problems));
}

}  // namespace

std::shared_ptr<const filters::ConnectionFilter> compile_network_rbac(
    const envoy::extensions::filters::network::rbac::v3::RBAC& p, const Path& at, CompileContext& c) {
  using Config = envoy::extensions::filters::network::rbac::v3::RBAC;
  const auto errors = c.problems.errors();
  filters::NetworkRbac::Config o;
  o.rules = compile_either(p, false, filters::kNetworkRbacSpace, "enforced_", at, c.problems);
  o.shadow = compile_either(p, true, filters::kNetworkRbacSpace, p.shadow_rules_stat_prefix() + "shadow_", at, c.problems);
  if (p.enforcement_type() != Config::ONE_TIME_ON_FIRST_BYTE)
    c.problems.error(at / "enforcement_type", "only ONE_TIME_ON_FIRST_BYTE is implemented");
  if (c.problems.errors() != errors) return nullptr;
  const std::string prefix = stats::sanitize(p.stat_prefix()) + (p.stat_prefix().ends_with('.') ? "" : ".");
  o.stats = make_stats(c, prefix, "", false);
  o.shadow_stats = make_stats(c, prefix, p.shadow_rules_stat_prefix(), true);
  return std::make_shared<const filters::NetworkRbac>(std::move(o));
}

void add_access_filters(FilterKinds& kinds) { kinds.add<make_rbac, override_rbac>(); }

}  // namespace outrigger::xds
