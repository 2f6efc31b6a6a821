#include "envoy/extensions/internal_redirect/allow_listed_routes/v3/allow_listed_routes_config.pb.h"
#include "envoy/extensions/internal_redirect/previous_routes/v3/previous_routes_config.pb.h"
#include "envoy/extensions/internal_redirect/safe_cross_scheme/v3/safe_cross_scheme_config.pb.h"
#include "envoy/extensions/retry/host/omit_canary_hosts/v3/omit_canary_hosts.pb.h"
#include "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb.h"
#include "xds/compile/convert.h"
#include "xds/compile/matchers.h"
#include "xds/compile/route.h"

namespace outrigger::xds {

namespace route_v3 = envoy::config::route::v3;
using Action = route_v3::RouteAction;

namespace {

void check_cluster(const std::string& name, const Path& at, const RouteCompileContext& c) {
  if (c.validate_clusters && c.cluster_known && !name.empty() && !c.cluster_known(name))
    c.problems.error(at, "route: unknown cluster '" + name + "'");
}

void compile_weights(const route_v3::WeightedCluster& p, route::Route& o, const Path& at, RouteCompileContext& c) {
  o.choice = route::Route::weighted;
  o.weights_runtime_prefix = p.runtime_key_prefix();
  o.weight_header = lower(p.header_name());
  std::uint64_t total = 0;
  for (int i = 0; i < p.clusters_size(); ++i) {
    const auto& w = p.clusters(i);
    const Path here = at.at("clusters", i);
    auto& out = o.weights.emplace_back();
    out.cluster = w.name();
    out.cluster_header = lower(w.cluster_header());
    if (w.name().empty() == w.cluster_header().empty())
      c.problems.error(here, "exactly one of name and cluster_header must be specified");
    check_cluster(w.name(), here / "name", c);
    out.weight = w.weight().value();
    total += out.weight;
    if (!p.runtime_key_prefix().empty()) out.runtime_key = p.runtime_key_prefix() + "." + w.name();
    compile_header_adds(w.request_headers_to_add(), here, "request_headers_to_add", c.problems, out.request_mutations);
    compile_header_removes(w.request_headers_to_remove(), here, "request_headers_to_remove", c.problems, out.request_mutations);
    compile_header_adds(w.response_headers_to_add(), here, "response_headers_to_add", c.problems, out.response_mutations);
    compile_header_removes(w.response_headers_to_remove(), here, "response_headers_to_remove", c.problems,
                           out.response_mutations);
    out.overrides = compile_overrides(w.typed_per_filter_config(), here / "typed_per_filter_config", c);
    out.host_rewrite = w.host_rewrite_literal();
  }
  if (total == 0) c.problems.error(at, "Sum of weights in the weighted_cluster must be greater than 0.");
  if (total > UINT32_MAX) c.problems.error(at, "The sum of weights of all weighted clusters exceeds 4294967295");
  o.total_weight = static_cast<std::uint32_t>(total);
  if (p.has_total_weight() && p.total_weight().value() != 0 && p.total_weight().value() != total)
    c.problems.error(at / "total_weight", "the weights must sum to it: " + std::to_string(total) + " instead of " +
                                              std::to_string(p.total_weight().value()));
}

void compile_hash(const Action& p, route::Route& o, const Path& at, Problems& problems) {
  for (int i = 0; i < p.hash_policy_size(); ++i) {
    const auto& h = p.hash_policy(i);
    auto& out = o.hash.emplace_back();
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
        if (!h.connection_properties().source_ip()) o.hash.pop_back();
        break;
      case Action::HashPolicy::kQueryParameter:
        out.kind = route::HashPolicy::query_parameter;
        out.name = h.query_parameter().name();
        break;
      case Action::HashPolicy::POLICY_SPECIFIER_NOT_SET: break;
    }
  }
}

void compile_rewrites(const Action& p, route::Rewrite& o, const Path& at, Problems& problems) {
  o.prefix = p.prefix_rewrite();
  o.has_prefix = !p.prefix_rewrite().empty();
  if (p.has_regex_rewrite()) {
    o.regex = compile_rewrite(p.regex_rewrite(), o.substitution, at / "regex_rewrite", problems);
    if (o.has_prefix) problems.error(at / "regex_rewrite", "Cannot specify both prefix_rewrite and regex_rewrite");
  }
  switch (p.host_rewrite_specifier_case()) {
    case Action::kHostRewriteLiteral: o.host = route::Rewrite::literal, o.host_value = p.host_rewrite_literal(); break;
    case Action::kAutoHostRewrite:
      if (p.auto_host_rewrite().value()) o.host = route::Rewrite::automatic;
      break;
    case Action::kHostRewriteHeader: o.host = route::Rewrite::header, o.host_value = lower(p.host_rewrite_header()); break;
    case Action::kHostRewritePathRegex:
      o.host = route::Rewrite::path_regex;
      o.host_regex = compile_rewrite(p.host_rewrite_path_regex(), o.host_substitution, at / "host_rewrite_path_regex", problems);
      break;
    case Action::HOST_REWRITE_SPECIFIER_NOT_SET: break;
  }
  o.append_x_forwarded_host = p.append_x_forwarded_host();
}

void compile_timeouts(const Action& p, route::Route& o) {
  if (p.has_timeout()) {
    o.timeout = to_duration(p.timeout());
    o.timeout_set = true;
  }
  if (p.has_idle_timeout()) o.idle_timeout = to_duration(p.idle_timeout());
  if (!p.has_max_stream_duration()) return;
  const auto& m = p.max_stream_duration();
  auto& out = o.max_stream_duration.emplace();
  if (m.has_max_stream_duration()) out.max = to_duration(m.max_stream_duration());
  if (m.has_grpc_timeout_header_max()) out.grpc_timeout_max = to_duration(m.grpc_timeout_header_max());
  if (m.has_grpc_timeout_header_offset()) out.grpc_timeout_offset = to_duration(m.grpc_timeout_header_offset());
}

void compile_internal_redirect(const Action& p, route::Route& o, const Path& at, Problems& problems) {
  namespace redirect = envoy::extensions::internal_redirect;
  if (!p.has_internal_redirect_policy()) return;
  const auto& r = p.internal_redirect_policy();
  auto& out = o.internal_redirect;
  out.enabled = true;
  if (r.has_max_internal_redirects()) out.redirects_max = r.max_internal_redirects().value();
  out.allow_cross_scheme = r.allow_cross_scheme_redirect();
  if (r.redirect_response_codes_size() > 0)
    out.codes.assign(r.redirect_response_codes().begin(), r.redirect_response_codes().end());
  for (int i = 0; i < r.predicates_size(); ++i) {
    const auto& any = r.predicates(i).typed_config();
    if (any.Is<redirect::previous_routes::v3::PreviousRoutesConfig>()) {
      out.previous_routes = true;
    } else if (any.Is<redirect::safe_cross_scheme::v3::SafeCrossSchemeConfig>()) {
      out.safe_cross_scheme = true;
    } else if (any.Is<redirect::allow_listed_routes::v3::AllowListedRoutesConfig>()) {
      redirect::allow_listed_routes::v3::AllowListedRoutesConfig a;
      any.UnpackTo(&a);
      out.allowed_routes.emplace(a.allowed_route_names().begin(), a.allowed_route_names().end());
    } else {
      const Path policy = at / "internal_redirect_policy";
      problems.error(policy.at("predicates", i), "predicate of type '" + any.type_url() + "' is not implemented");
    }
  }
}

}  // namespace

std::shared_ptr<const route::RetryPolicy> compile_retry_policy(const route_v3::RetryPolicy& p, const Path& at,
                                                               Problems& problems) {
  namespace host = envoy::extensions::retry::host;
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
    o->back_off_base = to_duration(p.retry_back_off().base_interval());
    if (p.retry_back_off().has_max_interval()) {
      o->back_off_max = to_duration(p.retry_back_off().max_interval());
      if (*o->back_off_max < *o->back_off_base)
        problems.error(at / "retry_back_off", "retry_policy.max_interval must greater than or equal to the base_interval");
    }
  }
  if (p.has_rate_limited_retry_back_off()) {
    const auto& r = p.rate_limited_retry_back_off();
    for (const auto& h : r.reset_headers())
      o->reset_headers.push_back({lower(h.name()), h.format() == route_v3::RetryPolicy::UNIX_TIMESTAMP});
    if (r.has_max_interval()) o->reset_max = to_duration(r.max_interval());
  }
  if (p.host_selection_retry_max_attempts() > 0)
    o->host_attempts_max = static_cast<std::uint32_t>(std::min<std::int64_t>(p.host_selection_retry_max_attempts(), 1000));
  for (int i = 0; i < p.retry_host_predicate_size(); ++i) {
    const auto& any = p.retry_host_predicate(i).typed_config();
    const auto& name = p.retry_host_predicate(i).name();
    if (any.Is<host::previous_hosts::v3::PreviousHostsPredicate>() ||
        (any.type_url().empty() && name == "envoy.retry_host_predicates.previous_hosts"))
      o->previous_hosts = true;
    else if (any.Is<host::omit_canary_hosts::v3::OmitCanaryHostsPredicate>() ||
             (any.type_url().empty() && name == "envoy.retry_host_predicates.omit_canary_hosts"))
      o->omit_canary_hosts = true;
    else
      problems.error(at.at("retry_host_predicate", i), "retry host predicate '" + name + "' is not implemented");
  }
  return o;
}

void compile_route_action(const Action& p, route::Route& o, const Path& at, RouteCompileContext& c) {
  switch (p.cluster_specifier_case()) {
    case Action::kCluster:
      o.cluster = p.cluster();
      check_cluster(o.cluster, at / "cluster", c);
      break;
    case Action::kClusterHeader:
      o.choice = route::Route::cluster_header;
      o.cluster = lower(p.cluster_header());
      break;
    case Action::kWeightedClusters: compile_weights(p.weighted_clusters(), o, at / "weighted_clusters", c); break;
    case Action::CLUSTER_SPECIFIER_NOT_SET: break;
  }
  using Code = Action::ClusterNotFoundResponseCode;
  const auto code = p.cluster_not_found_response_code();
  o.cluster_not_found_code = code == Code::RouteAction_ClusterNotFoundResponseCode_NOT_FOUND               ? 404
                             : code == Code::RouteAction_ClusterNotFoundResponseCode_INTERNAL_SERVER_ERROR ? 500
                                                                                                           : 503;
  compile_rewrites(p, o.rewrite, at, c.problems);
  compile_timeouts(p, o);
  if (p.has_retry_policy()) o.retry = compile_retry_policy(p.retry_policy(), at / "retry_policy", c.problems);
  if (p.has_hedge_policy()) o.hedge.on_per_try_timeout = p.hedge_policy().hedge_on_per_try_timeout();
  compile_hash(p, o, at, c.problems);
  for (int i = 0; i < p.request_mirror_policies_size(); ++i) {
    const auto& m = p.request_mirror_policies(i);
    const Path here = at.at("request_mirror_policies", i);
    check_cluster(m.cluster(), here / "cluster", c);
    auto& out = o.mirrors.emplace_back();
    out.cluster = m.cluster();
    if (m.has_runtime_fraction()) out.fraction = to_runtime_percent(m.runtime_fraction());
    out.append_shadow_suffix = !m.disable_shadow_host_suffix_append();
  }
  o.high_priority = p.priority() == envoy::config::core::v3::HIGH;
  compile_internal_redirect(p, o, at, c.problems);
  for (const auto& u : p.upgrade_configs())
    o.upgrades.push_back({lower(u.upgrade_type()), !u.has_enabled() || u.enabled().value(), u.has_connect_config(), false});
}

}  // namespace outrigger::xds
