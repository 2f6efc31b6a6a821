// What a route does besides forwarding: mirrors, hashes, retries, internal redirects.
#include "xds/compile/route_policy.h"

#include "envoy/extensions/internal_redirect/allow_listed_routes/v3/allow_listed_routes_config.pb.h"
#include "envoy/extensions/internal_redirect/previous_routes/v3/previous_routes_config.pb.h"
#include "envoy/extensions/internal_redirect/safe_cross_scheme/v3/safe_cross_scheme_config.pb.h"
#include "envoy/extensions/retry/host/omit_canary_hosts/v3/omit_canary_hosts.pb.h"
#include "envoy/extensions/retry/host/omit_host_metadata/v3/omit_host_metadata_config.pb.h"
#include "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb.h"
#include "envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config.pb.h"
#include "xds/compile/convert.h"
#include "xds/compile/matchers.h"
#include "xds/compile/metadata.h"

namespace outrigger::xds {

namespace route_v3 = envoy::config::route::v3;
using Action = route_v3::RouteAction;

std::optional<format::TextFormat> compile_value_format(const std::string& text, const Path& at, Problems& problems) {
  auto f = format::TextFormat::compile(text);
  if (f) return std::move(*f);
  problems.error(at, f.error().detail);
  return {};
}

MirrorPolicies compile_mirrors(const google::protobuf::RepeatedPtrField<Action::RequestMirrorPolicy>& p, const Path& at,
                               RouteCompileContext& c) {
  if (p.empty()) return nullptr;
  auto all = std::make_shared<std::vector<route::MirrorPolicy>>();
  for (int i = 0; i < p.size(); ++i) {
    const auto& m = p.Get(i);
    const Path here = at.at("request_mirror_policies", i);
    auto& o = all->emplace_back();
    o.cluster = m.cluster();
    o.cluster_header = lower(m.cluster_header());
    if (m.cluster().empty() == m.cluster_header().empty())
      c.problems.error(here, "Exactly one of cluster or cluster_header in request mirror policy need to be specified");
    if (c.validate_clusters && c.cluster_known && !o.cluster.empty() && !c.cluster_known(o.cluster))
      c.problems.error(here / "cluster", "route: unknown shadow cluster '" + o.cluster + "'");
    if (m.has_runtime_fraction()) o.fraction = to_runtime_percent(m.runtime_fraction());
    o.append_shadow_suffix = !m.disable_shadow_host_suffix_append() && m.host_rewrite_literal().empty();
    o.host_rewrite = m.host_rewrite_literal();
    compile_header_mutation_steps(m.request_headers_mutations(), here, "request_headers_mutations", c.problems, o.mutations);
  }
  return all;
}

void compile_hash_policies(const google::protobuf::RepeatedPtrField<Action::HashPolicy>& p, std::vector<route::HashPolicy>& o,
                           const Path& at, Problems& problems) {
  for (int i = 0; i < p.size(); ++i) {
    const auto& h = p.Get(i);
    auto& out = o.emplace_back();
    out.terminal = h.terminal();
    switch (h.policy_specifier_case()) {
      case Action::HashPolicy::kHeader:
        out.name = lower(h.header().header_name());
        if (h.header().has_regex_rewrite())
          out.re = compile_rewrite(h.header().regex_rewrite(), out.substitution, at.at("hash_policy", i), problems);
        break;
      case Action::HashPolicy::kCookie:
        out.kind = route::HashPolicy::cookie;
        out.name = h.cookie().name();
        if (h.cookie().has_ttl()) out.cookie_ttl = to_duration(h.cookie().ttl());
        out.cookie_path = h.cookie().path();
        for (const auto& a : h.cookie().attributes()) out.cookie_attributes.emplace_back(a.name(), a.value());
        break;
      case Action::HashPolicy::kConnectionProperties:
        out.kind = route::HashPolicy::source_ip;
        if (!h.connection_properties().source_ip()) o.pop_back();
        break;
      case Action::HashPolicy::kQueryParameter:
        out.kind = route::HashPolicy::query_parameter;
        out.name = h.query_parameter().name();
        break;
      case Action::HashPolicy::kFilterState:
        out.kind = route::HashPolicy::filter_state;
        out.name = h.filter_state().key();
        break;
      case Action::HashPolicy::POLICY_SPECIFIER_NOT_SET: break;
    }
  }
}

route::InternalRedirectPolicy compile_internal_redirect(const Action& p, const Path& at, Problems& problems) {
  route::InternalRedirectPolicy out;
  namespace redirect = envoy::extensions::internal_redirect;
  using Predicate = route::InternalRedirectPolicy::Predicate;
  if (!p.has_internal_redirect_policy()) {
    out.enabled = p.internal_redirect_action() == Action::HANDLE_INTERNAL_REDIRECT;
    if (p.has_max_internal_redirects()) out.redirects_max = p.max_internal_redirects().value();
    return out;
  }
  const auto& r = p.internal_redirect_policy();
  const Path policy = at / "internal_redirect_policy";
  out.enabled = true;
  if (r.has_max_internal_redirects()) out.redirects_max = r.max_internal_redirects().value();
  out.allow_cross_scheme = r.allow_cross_scheme_redirect();
  if (r.redirect_response_codes_size() > 0) out.codes.clear();
  for (const auto code : r.redirect_response_codes())  // others are ignored, as by Envoy
    if (code == 301 || code == 302 || code == 303 || code == 307 || code == 308) out.codes.push_back(code);
  for (int i = 0; i < r.response_headers_to_copy_size(); ++i) {
    out.copy_headers.push_back(lower(r.response_headers_to_copy(i)));
    if (const auto& name = out.copy_headers.back(); name.empty() || name[0] == ':' || name == "host")
      problems.error(policy.at("response_headers_to_copy", i), ":-prefixed headers or Hosts may not be specified here.");
  }
  for (int i = 0; i < r.predicates_size(); ++i) {
    const auto& any = r.predicates(i).typed_config();
    if (any.Is<redirect::previous_routes::v3::PreviousRoutesConfig>()) {
      out.predicates.push_back({Predicate::previous_routes, {}});
    } else if (any.Is<redirect::safe_cross_scheme::v3::SafeCrossSchemeConfig>()) {
      out.predicates.push_back({Predicate::safe_cross_scheme, {}});
    } else if (any.Is<redirect::allow_listed_routes::v3::AllowListedRoutesConfig>()) {
      redirect::allow_listed_routes::v3::AllowListedRoutesConfig a;
      any.UnpackTo(&a);
      out.predicates.push_back(
          {Predicate::allow_listed_routes, {a.allowed_route_names().begin(), a.allowed_route_names().end()}});
    } else {
      problems.error(policy.at("predicates", i), "predicate of type '" + any.type_url() + "' is not implemented");
    }
  }
  return out;
}

namespace {

/// Below a millisecond is one, as Envoy rounds.
Duration back_off(const google::protobuf::Duration& d) {
  return std::max(to_duration(d), Duration(std::chrono::milliseconds(1)));
}

void compile_retry_plugins(const route_v3::RetryPolicy& p, route::RetryPolicy& o, const Path& at, Problems& problems) {
  namespace host = envoy::extensions::retry::host;
  for (int i = 0; i < p.retry_host_predicate_size(); ++i) {
    const auto& any = p.retry_host_predicate(i).typed_config();
    const auto& name = p.retry_host_predicate(i).name();
    host::omit_host_metadata::v3::OmitHostMetadataConfig omit;
    const auto named = [&](std::string_view n) { return any.type_url().empty() && name == n; };
    if (any.Is<host::previous_hosts::v3::PreviousHostsPredicate>() || named("envoy.retry_host_predicates.previous_hosts")) {
      o.previous_hosts = true;
    } else if (any.Is<host::omit_canary_hosts::v3::OmitCanaryHostsPredicate>() ||
               named("envoy.retry_host_predicates.omit_canary_hosts")) {
      o.omit_canary_hosts = true;
    } else if (any.UnpackTo(&omit)) {
      const auto& all = omit.metadata_match().filter_metadata();
      const auto lb = all.find("envoy.lb");
      o.omit_host_metadata.push_back(lb == all.end() ? MetadataValue{} : compile_metadata_value(lb->second));
    } else {
      problems.error(at.at("retry_host_predicate", i), "retry host predicate '" + name + "' is not implemented");
    }
  }
  if (!p.has_retry_priority()) return;
  envoy::extensions::retry::priority::previous_priorities::v3::PreviousPrioritiesConfig previous;
  if (p.retry_priority().typed_config().UnpackTo(&previous))
    o.previous_priorities_every = static_cast<std::uint32_t>(previous.update_frequency());
  else
    problems.error(at / "retry_priority", "retry priority '" + p.retry_priority().name() + "' is not implemented");
}

}  // namespace

std::shared_ptr<const route::RetryPolicy> compile_retry_policy(const route_v3::RetryPolicy& p, const Path& at,
                                                               Problems& problems) {
  auto o = std::make_shared<route::RetryPolicy>();
  bool all_known = true;
  o->on = route::retry_on::parse(p.retry_on(), all_known) | route::retry_on::parse_grpc(p.retry_on(), all_known);
  if (p.has_num_retries()) o->retries = p.num_retries().value();
  if (p.has_per_try_timeout()) o->per_try_timeout = to_duration(p.per_try_timeout());
  if (p.has_per_try_idle_timeout()) o->per_try_idle_timeout = to_duration(p.per_try_idle_timeout());
  o->status_codes.assign(p.retriable_status_codes().begin(), p.retriable_status_codes().end());
  for (int i = 0; i < p.retriable_headers_size(); ++i)
    if (auto m = compile_header_matcher(p.retriable_headers(i), at.at("retriable_headers", i), problems))
      o->retriable_headers.push_back(std::move(*m));
  for (int i = 0; i < p.retriable_request_headers_size(); ++i)
    if (auto m = compile_header_matcher(p.retriable_request_headers(i), at.at("retriable_request_headers", i), problems))
      o->retriable_request_headers.push_back(std::move(*m));
  if (p.has_retry_back_off()) {
    o->back_off_base = back_off(p.retry_back_off().base_interval());
    if (p.retry_back_off().has_max_interval()) {
      o->back_off_max = back_off(p.retry_back_off().max_interval());
      if (*o->back_off_max < *o->back_off_base)
        problems.error(at / "retry_back_off", "retry_policy.max_interval must greater than or equal to the base_interval");
    }
  }
  if (p.has_rate_limited_retry_back_off()) {
    const auto& r = p.rate_limited_retry_back_off();
    for (const auto& h : r.reset_headers())
      o->reset_headers.push_back({lower(h.name()), h.format() == route_v3::RetryPolicy::UNIX_TIMESTAMP});
    if (r.has_max_interval()) o->reset_max = back_off(r.max_interval());
  }
  if (p.host_selection_retry_max_attempts() > 0)
    o->host_attempts_max = static_cast<std::uint32_t>(std::min<std::int64_t>(p.host_selection_retry_max_attempts(), 1000));
  compile_retry_plugins(p, *o, at, problems);
  return o;
}

}  // namespace outrigger::xds
