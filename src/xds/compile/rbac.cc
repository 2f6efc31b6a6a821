#include "xds/compile/rbac.h"

#include <algorithm>
#include <map>

#include "proxy/http/stream_info.h"
#include "xds/compile/convert.h"
#include "xds/compile/expression.h"
#include "xds/compile/matchers.h"
#include "xds/compile/metadata.h"
#include "xds/compile/route_policy.h"

namespace outrigger::xds {

namespace rbac_v3 = envoy::config::rbac::v3;
using filters::RbacRule;
using format::Context;

namespace {

constexpr unsigned kDepthMax = 64;  // of rules in rules

RbacRule compile(const rbac_v3::Permission& p, const Path& at, Problems& problems, unsigned depth);
RbacRule compile(const rbac_v3::Principal& p, const Path& at, Problems& problems, unsigned depth);

/// What is wrong was told, and the rules as a whole are refused.
RbacRule never() {
  return [](const Context&) { return false; };
}

std::vector<RbacRule> compile_list(const auto& list, const Path& at, std::string_view field, Problems& problems, unsigned depth) {
  std::vector<RbacRule> all;
  for (int i = 0; i < list.size(); ++i) all.push_back(compile(list.Get(i), at.at(field, i), problems, depth + 1));
  return all;
}

RbacRule all_of(std::vector<RbacRule> rules) {
  return [rules = std::move(rules)](const Context& c) {
    return std::all_of(rules.begin(), rules.end(), [&](const RbacRule& r) { return r(c); });
  };
}
RbacRule any_of(std::vector<RbacRule> rules) {
  return [rules = std::move(rules)](const Context& c) {
    return std::any_of(rules.begin(), rules.end(), [&](const RbacRule& r) { return r(c); });
  };
}
RbacRule not_of(RbacRule rule) {
  return [rule = std::move(rule)](const Context& c) { return !rule(c); };
}

RbacRule compile_header(const envoy::config::route::v3::HeaderMatcher& p, const Path& at, Problems& problems) {
  auto m = compile_header_matcher(p, at, problems);
  if (!m) return never();
  return [m = std::move(*m)](const Context& c) {
    if (c.request != nullptr) return m.match(*c.request);
    Arena arena;  // a connection: as a request without headers
    return m.match(http::RequestHead(arena));
  };
}

/// Without its query. Null data: there is none.
std::string_view path_of(const Context& c) {
  if (c.request == nullptr || c.request->path.data() == nullptr) return {};
  return c.request->path.substr(0, c.request->path.find_first_of("?#"));
}

RbacRule compile_path(const envoy::type::matcher::v3::PathMatcher& p, const Path& at, Problems& problems) {
  return [m = compile_string_matcher(p.path(), at / "path", problems)](const Context& c) {
    const auto path = path_of(c);
    return path.data() != nullptr && m.match(path);
  };
}

RbacRule compile_template(const envoy::config::core::v3::TypedExtensionConfig& p, const Path& at, Problems& problems) {
  auto re = compile_uri_template(p, at, problems);
  if (re == nullptr) return never();
  return [re = std::move(re)](const Context& c) {
    const auto path = path_of(c);
    return path.data() != nullptr && route::regex_full_match(*re, path);
  };
}

using GetAddress = const net::Address& (*)(const http::StreamInfo&);

RbacRule compile_range(const envoy::config::core::v3::CidrRange& p, GetAddress get, const Path& at, Problems& problems) {
  const auto range = compile_cidr(p, at, problems);
  if (!range) return never();
  return [range = *range, get](const Context& c) { return range.contains(get(*c.info)); };
}

RbacRule compile_metadata_rule(const envoy::type::matcher::v3::MetadataMatcher& p, bool of_route, const Path& at,
                               Problems& problems) {
  return [m = compile_metadata_matcher(p, at, problems), of_route](const Context& c) {
    return m.match(of_route ? c.info->route_metadata : c.info->dynamic_metadata.get());
  };
}

RbacRule compile_sourced(const rbac_v3::SourcedMetadata& p, const Path& at, Problems& problems) {
  return compile_metadata_rule(p.metadata_matcher(), p.metadata_source() == rbac_v3::ROUTE, at / "metadata_matcher", problems);
}

RbacRule compile_authenticated(const rbac_v3::Principal::Authenticated& p, const Path& at, Problems& problems) {
  if (!p.has_principal_name())
    return [](const Context& c) {
      return c.info->connection->tls != nullptr;  // as Envoy: whether there is a certificate does not matter
    };
  return [m = compile_string_matcher(p.principal_name(), at / "principal_name", problems)](const Context& c) {
    const auto& tls = c.info->connection->tls;
    if (tls == nullptr) return false;
    const auto* peer = tls->peer();
    if (peer == nullptr) return m.match("");
    const auto named = [&m](const std::vector<std::string>& names) {
      return std::any_of(names.begin(), names.end(), [&](const std::string& n) { return m.match(n); });
    };
    return named(peer->uri_sans) || named(peer->dns_sans) || m.match(peer->subject);
  };
}

bool too_deep(unsigned depth, const Path& at, Problems& problems) {
  if (depth > kDepthMax) problems.error(at, "rules are nested too deep");
  return depth > kDepthMax;
}

RbacRule compile(const rbac_v3::Permission& p, const Path& at, Problems& problems, unsigned depth) {
  using P = rbac_v3::Permission;
  if (too_deep(depth, at, problems)) return never();
  switch (p.rule_case()) {
    case P::kAndRules: return all_of(compile_list(p.and_rules().rules(), at / "and_rules", "rules", problems, depth));
    case P::kOrRules: return any_of(compile_list(p.or_rules().rules(), at / "or_rules", "rules", problems, depth));
    case P::kNotRule: return not_of(compile(p.not_rule(), at / "not_rule", problems, depth + 1));
    case P::kAny: return [](const Context&) { return true; };
    case P::kHeader: return compile_header(p.header(), at / "header", problems);
    case P::kUrlPath: return compile_path(p.url_path(), at / "url_path", problems);
    case P::kUriTemplate: return compile_template(p.uri_template(), at / "uri_template", problems);
    case P::kDestinationIp:
      return compile_range(
          p.destination_ip(), [](const http::StreamInfo& i) -> auto& { return i.connection->local; }, at / "destination_ip",
          problems);
    case P::kDestinationPort:
      return [port = p.destination_port()](const Context& c) {
        const auto& a = c.info->connection->local;
        return a.is_ip() && a.port() == port;
      };
    case P::kDestinationPortRange:
      return [first = p.destination_port_range().start(), end = p.destination_port_range().end()](const Context& c) {
        const auto& a = c.info->connection->local;
        return a.is_ip() && a.port() >= first && a.port() < end;
      };
    case P::kMetadata: return compile_metadata_rule(p.metadata(), false, at / "metadata", problems);
    case P::kSourcedMetadata: return compile_sourced(p.sourced_metadata(), at / "sourced_metadata", problems);
    case P::kRequestedServerName:
      return [m = compile_string_matcher(p.requested_server_name(), at / "requested_server_name", problems)](const Context& c) {
        return m.match(c.info->connection->requested_server_name);
      };
    case P::RULE_NOT_SET: break;
  }
  problems.error(at, "a permission without a rule");
  return never();
}

RbacRule compile(const rbac_v3::Principal& p, const Path& at, Problems& problems, unsigned depth) {
  using P = rbac_v3::Principal;
  if (too_deep(depth, at, problems)) return never();
  switch (p.identifier_case()) {
    case P::kAndIds: return all_of(compile_list(p.and_ids().ids(), at / "and_ids", "ids", problems, depth));
    case P::kOrIds: return any_of(compile_list(p.or_ids().ids(), at / "or_ids", "ids", problems, depth));
    case P::kNotId: return not_of(compile(p.not_id(), at / "not_id", problems, depth + 1));
    case P::kAny: return [](const Context&) { return true; };
    case P::kAuthenticated: return compile_authenticated(p.authenticated(), at / "authenticated", problems);
    case P::kSourceIp:
      return compile_range(
          p.source_ip(), [](const http::StreamInfo& i) -> auto& { return i.connection->remote; }, at / "source_ip", problems);
    case P::kDirectRemoteIp:
      return compile_range(
          p.direct_remote_ip(), [](const http::StreamInfo& i) -> auto& { return i.connection->direct_remote; },
          at / "direct_remote_ip", problems);
    case P::kRemoteIp:
      return compile_range(
          p.remote_ip(), [](const http::StreamInfo& i) -> auto& { return i.remote(); }, at / "remote_ip", problems);
    case P::kHeader: return compile_header(p.header(), at / "header", problems);
    case P::kUrlPath: return compile_path(p.url_path(), at / "url_path", problems);
    case P::kMetadata: return compile_metadata_rule(p.metadata(), false, at / "metadata", problems);
    case P::kSourcedMetadata: return compile_sourced(p.sourced_metadata(), at / "sourced_metadata", problems);
    case P::kFilterState:
      return [m = compile_filter_state_matcher(p.filter_state(), at / "filter_state", problems)](const Context& c) {
        return m.match(c.info->filter_state);
      };
    case P::IDENTIFIER_NOT_SET: break;
  }
  problems.error(at, "a principal without an identifier");
  return never();
}

/// Null: there is none, or it is wrong (told).
RbacRule compile_condition(const rbac_v3::Policy& p, const Path& at, Problems& problems) {
  if (!p.has_condition()) return nullptr;
  auto program = compile_expression(p.condition(), at / "condition", problems);
  if (program == nullptr) return never();
  return [program = std::move(program)](const Context& c) { return program->holds(c); };
}

using Action = filters::RbacRules::Action;
Action to_action(rbac_v3::RBAC::Action a) {
  return a == rbac_v3::RBAC::ALLOW ? Action::allow : a == rbac_v3::RBAC::DENY ? Action::deny : Action::log;
}

}  // namespace

RbacRulesPtr compile_rbac_rules(const rbac_v3::RBAC& p, std::string_view space, const std::string& prefix, const Path& at,
                                Problems& problems) {
  const auto errors = problems.errors();
  std::map<std::string, const rbac_v3::Policy*> sorted;
  for (const auto& [name, policy] : p.policies()) sorted.emplace(name, &policy);
  const Path all = at / "policies";
  std::vector<filters::RbacPolicy> policies;
  for (const auto& [name, policy] : sorted) {
    const Path here = all / name;
    policies.push_back({name, compile_list(policy->permissions(), here, "permissions", problems, 0),
                        compile_list(policy->principals(), here, "principals", problems, 0),
                        compile_condition(*policy, here, problems)});
  }
  if (problems.errors() != errors) return nullptr;
  return std::make_shared<const filters::RbacRules>(to_action(p.action()), std::move(policies),
                                                    filters::RbacRules::Place{space, prefix});
}

}  // namespace outrigger::xds
