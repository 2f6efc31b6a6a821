#include "envoy/extensions/early_data/v3/default_early_data_policy.pb.h"
#include "envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite.pb.h"
#include "xds/compile/convert.h"
#include "xds/compile/matchers.h"
#include "xds/compile/metadata.h"
#include "xds/compile/rate_limits.h"
#include "xds/compile/route_policy.h"

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
  route::WeightedClusters weighted;
  weighted.runtime_prefix = p.runtime_key_prefix();
  weighted.header = lower(p.header_name());
  weighted.by_hash = p.use_hash_policy().value();
  std::uint64_t total = 0;
  for (int i = 0; i < p.clusters_size(); ++i) {
    const auto& w = p.clusters(i);
    const Path here = at.at("clusters", i);
    auto& out = weighted.all.emplace_back();
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
    if (w.has_metadata_match()) out.subset = compile_subset(w.metadata_match(), o.subset);
  }
  if (total == 0) c.problems.error(at, "Sum of weights in the weighted_cluster must be greater than 0.");
  if (total > UINT32_MAX) c.problems.error(at, "The sum of weights of all weighted clusters exceeds 4294967295");
  weighted.total_weight = static_cast<std::uint32_t>(total);
  o.weights.set(std::move(weighted));
  if (p.has_total_weight() && p.total_weight().value() != 0 && p.total_weight().value() != total)
    c.problems.error(at / "total_weight", "the weights must sum to it: " + std::to_string(total) + " instead of " +
                                              std::to_string(p.total_weight().value()));
}

void compile_template_rewrite(const Action& p, const route::RouteMatch& match, route::Rewrite& o, const Path& at,
                              Problems& problems) {
  envoy::extensions::path::rewrite::uri_template::v3::UriTemplateRewriteConfig config;
  const auto& any = p.path_rewrite_policy().typed_config();
  if (!any.Is<decltype(config)>())
    return problems.error(at, "path rewrite policy of type '" + any.type_url() + "' is not implemented");
  any.UnpackTo(&config);
  if (match.kind != route::RouteMatch::uri_template)
    return problems.error(at, "the uri_template rewrite needs a uri_template match: path_match_policy");
  if (match.re == nullptr) return;  // told
  auto rewrite = route::UriTemplateRewrite::compile(config.path_template_rewrite(), *match.re);
  const Path here = at / "typed_config";
  if (rewrite)
    o.path_template = std::move(*rewrite);
  else
    problems.error(here / "path_template_rewrite", rewrite.error().detail);
}

void compile_path_rewrite(const Action& p, const route::RouteMatch& match, route::Rewrite& o, const Path& at,
                          Problems& problems) {
  o.prefix = p.prefix_rewrite();
  o.has_prefix = !p.prefix_rewrite().empty();
  if (p.has_regex_rewrite()) o.regex = compile_rewrite(p.regex_rewrite(), o.substitution, at / "regex_rewrite", problems);
  if (p.has_path_rewrite_policy()) compile_template_rewrite(p, match, o, at / "path_rewrite_policy", problems);
  if (!p.path_rewrite().empty()) o.path_format = compile_value_format(p.path_rewrite(), at / "path_rewrite", problems);
  if (o.has_prefix + p.has_regex_rewrite() + p.has_path_rewrite_policy() + !p.path_rewrite().empty() > 1)
    problems.error(at, "Specify only one of prefix_rewrite, regex_rewrite, path_rewrite_policy or path_rewrite");
  if (o.has_prefix && match.kind == route::RouteMatch::uri_template)
    problems.error(at / "prefix_rewrite", "Cannot use prefix_rewrite with matcher extension");
}

bool rewrites(const Action& p) {
  return !p.prefix_rewrite().empty() || p.has_regex_rewrite() || p.has_path_rewrite_policy() || !p.path_rewrite().empty() ||
         p.host_rewrite_specifier_case() != Action::HOST_REWRITE_SPECIFIER_NOT_SET || p.append_x_forwarded_host();
}

void compile_host_rewrite(const Action& p, route::Rewrite& o, const Path& at, Problems& problems) {
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
    case Action::kHostRewrite:
      if (p.host_rewrite().empty()) break;
      o.host = route::Rewrite::formatted;
      o.host_format = compile_value_format(p.host_rewrite(), at / "host_rewrite", problems);
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
  if (p.has_flush_timeout()) o.flush_timeout = to_duration(p.flush_timeout());
  if (p.has_max_grpc_timeout() || p.has_grpc_timeout_offset()) {
    route::GrpcTimeout t;
    if (p.has_max_grpc_timeout()) t.max = to_duration(p.max_grpc_timeout());
    if (p.has_grpc_timeout_offset()) t.offset = to_duration(p.grpc_timeout_offset());
    o.grpc_timeout.set(t);
  }
  if (!p.has_max_stream_duration()) return;
  const auto& m = p.max_stream_duration();
  route::MaxStreamDuration out;
  if (m.has_max_stream_duration()) out.max = to_duration(m.max_stream_duration());
  if (m.has_grpc_timeout_header_max()) out.grpc_timeout_max = to_duration(m.grpc_timeout_header_max());
  if (m.has_grpc_timeout_header_offset()) out.grpc_timeout_offset = to_duration(m.grpc_timeout_header_offset());
  o.max_stream_duration.set(out);
}

void compile_upgrades(const Action& p, route::Route& o, const Path& at, Problems& problems) {
  for (int i = 0; i < p.upgrade_configs_size(); ++i) {
    const auto& u = p.upgrade_configs(i);
    const Path here = at.at("upgrade_configs", i);
    const std::string type = lower(u.upgrade_type());
    for (const auto& have : o.upgrades)
      if (have.type == type) problems.error(here, "Duplicate upgrade " + u.upgrade_type());
    if (u.has_connect_config() && type != "connect" && type != "connect-udp")
      problems.error(here / "connect_config", "Non-CONNECT upgrade type " + u.upgrade_type() + " has ConnectConfig");
    const auto& connect = u.connect_config();
    std::uint8_t version = 0;
    if (connect.has_proxy_protocol_config())
      version = connect.proxy_protocol_config().version() == envoy::config::core::v3::ProxyProtocolConfig::V2 ? 2 : 1;
    if (const auto& tlvs = connect.proxy_protocol_config(); tlvs.has_pass_through_tlvs() || tlvs.added_tlvs_size() > 0)
      problems.warn(here / "connect_config" / "proxy_protocol_config", "its TLVs have no effect, as in Envoy");
    o.upgrades.push_back({type, !u.has_enabled() || u.enabled().value(), u.has_connect_config(), connect.allow_post(), version});
  }
}

}  // namespace

void compile_route_action(const Action& p, route::Route& o, const Path& at, RouteCompileContext& c) {
  o.subset = compile_subset(p.metadata_match(), nullptr);
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
  if (rewrites(p)) {
    route::Rewrite rewrite;
    compile_path_rewrite(p, o.match, rewrite, at, c.problems);
    compile_host_rewrite(p, rewrite, at, c.problems);
    o.rewrite.set(std::move(rewrite));
  }
  compile_timeouts(p, o);
  if (p.has_retry_policy()) o.retry = compile_retry_policy(p.retry_policy(), at / "retry_policy", c.problems);
  if (p.has_hedge_policy()) o.hedge.on_per_try_timeout = p.hedge_policy().hedge_on_per_try_timeout();
  compile_hash_policies(p.hash_policy(), o.hash, at, c.problems);
  o.mirrors = compile_mirrors(p.request_mirror_policies(), at, c);
  o.high_priority = p.priority() == envoy::config::core::v3::HIGH;
  if (p.has_internal_redirect_policy() || p.internal_redirect_action() == Action::HANDLE_INTERNAL_REDIRECT)
    o.internal_redirect.set(compile_internal_redirect(p, at, c.problems));
  compile_upgrades(p, o, at, c.problems);
  if (p.rate_limits_size() > 0) o.rate_limits.set(compile_rate_limits(p.rate_limits(), at, c.problems));
  o.include_vhost_rate_limits = p.include_vh_rate_limits().value();
  // Requests are never sent as early data, so a policy for it has nothing to decide.
  using EarlyData = envoy::extensions::early_data::v3::DefaultEarlyDataPolicy;
  if (p.has_early_data_policy() && !p.early_data_policy().typed_config().Is<EarlyData>())
    c.problems.error(at / "early_data_policy",
                     "early data policy of type '" + p.early_data_policy().typed_config().type_url() + "' is not implemented");
}

}  // namespace outrigger::xds
