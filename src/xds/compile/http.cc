#include "xds/compile/http.h"

#include <cmath>

#include "envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.pb.h"
#include "envoy/extensions/http/original_ip_detection/custom_header/v3/custom_header.pb.h"
#include "envoy/extensions/http/original_ip_detection/xff/v3/xff.pb.h"
#include "envoy/extensions/request_id/uuid/v3/uuid.pb.h"
#include "xds/compile/access_log.h"
#include "xds/compile/convert.h"
#include "xds/compile/filters.h"
#include "xds/compile/format.h"
#include "xds/compile/matchers.h"
#include "xds/compile/route.h"
#include "xds/compile/scoped_routes.h"

namespace outrigger::xds {

namespace hcm_v3 = envoy::extensions::filters::network::http_connection_manager::v3;
namespace core_v3 = envoy::config::core::v3;
namespace ip_v3 = envoy::extensions::http::original_ip_detection;
using Manager = hcm_v3::HttpConnectionManager;

namespace {

/// A set duration; 0 means none.
std::optional<Duration> positive(const google::protobuf::Duration& d) {
  const Duration v = to_duration(d);
  return v.count() == 0 ? std::nullopt : std::optional(v);
}

void compile_common(const core_v3::HttpProtocolOptions& p, hcm::Config& o) {
  if (p.has_idle_timeout()) o.idle_timeout = positive(p.idle_timeout());
  if (p.has_max_connection_duration()) o.max_connection_duration = positive(p.max_connection_duration());
  o.max_connection_duration_jitter = p.max_connection_duration_jitter().value();
  if (p.has_max_stream_duration()) o.max_stream_duration = positive(p.max_stream_duration());
  if (p.has_max_headers_count()) o.http1.headers_max = p.max_headers_count().value();
  if (p.has_max_requests_per_connection()) o.requests_per_connection_max = p.max_requests_per_connection().value();
  using U = core_v3::HttpProtocolOptions;
  o.http1.underscores = p.headers_with_underscores_action() == U::REJECT_REQUEST ? http::UnderscoreAction::reject
                        : p.headers_with_underscores_action() == U::DROP_HEADER  ? http::UnderscoreAction::drop
                                                                                 : http::UnderscoreAction::allow;
}

void compile_timeouts(const Manager& p, hcm::Config& o) {
  if (p.has_stream_idle_timeout()) o.stream_idle_timeout = positive(p.stream_idle_timeout());
  if (p.has_request_timeout()) o.request_timeout = positive(p.request_timeout());
  if (p.has_request_headers_timeout()) o.request_headers_timeout = positive(p.request_headers_timeout());
  if (p.has_delayed_close_timeout()) o.delayed_close_timeout = to_duration(p.delayed_close_timeout());
  if (p.has_drain_timeout()) o.drain_timeout = to_duration(p.drain_timeout());
  o.drain_timeout_jitter = p.drain_timeout_jitter().value();
  o.http1_safe_max_connection_duration = p.http1_safe_max_connection_duration();
  if (p.has_stream_flush_timeout()) o.stream_flush_timeout = positive(p.stream_flush_timeout());
}

void compile_ip_detection(const Manager& p, hcm::Config& o, const Path& at, Problems& problems) {
  if (p.original_ip_detection_extensions_size() > 0 && o.use_remote_address)
    problems.error(at / "original_ip_detection_extensions",
                   "Original IP detection extensions and use_remote_address may not be mixed");
  for (int i = 0; i < p.original_ip_detection_extensions_size(); ++i) {
    const auto& any = p.original_ip_detection_extensions(i).typed_config();
    const Path here = at.at("original_ip_detection_extensions", i);
    auto& d = o.ip_detection.emplace_back();
    if (any.Is<ip_v3::xff::v3::XffConfig>()) {
      ip_v3::xff::v3::XffConfig x;
      any.UnpackTo(&x);
      d.trusted_hops = x.xff_num_trusted_hops();
      d.skip_xff_append = !x.has_skip_xff_append() || x.skip_xff_append().value();
      for (int k = 0; k < x.xff_trusted_cidrs().cidrs_size(); ++k)
        if (auto r = compile_cidr(x.xff_trusted_cidrs().cidrs(k), here, problems)) d.trusted_cidrs.push_back(*r);
    } else if (any.Is<ip_v3::custom_header::v3::CustomHeaderConfig>()) {
      ip_v3::custom_header::v3::CustomHeaderConfig x;
      any.UnpackTo(&x);
      d.kind = hcm::IpDetection::custom_header;
      d.header = lower(x.header_name());
      d.allow_trusted = x.allow_extension_to_set_address_as_trusted();
      if (x.has_reject_with_status()) {  // what is no error becomes 403
        const int code = x.reject_with_status().code();
        d.reject_status = static_cast<std::uint16_t>(code < 400 ? 403 : code);
      }
    } else {
      problems.error(here, "original IP detection extension of type '" + any.type_url() + "' is not implemented");
    }
  }
}

void compile_headers(const Manager& p, hcm::Config& o, const Path& at, CompileContext& c) {
  o.server_header = p.server_header_transformation() == Manager::APPEND_IF_ABSENT ? hcm::Config::append_if_absent
                    : p.server_header_transformation() == Manager::PASS_THROUGH   ? hcm::Config::pass_through
                                                                                  : hcm::Config::overwrite;
  if (!p.server_name().empty()) o.server_name = p.server_name();
  o.via = p.via();
  o.scheme_to_overwrite = p.scheme_header_transformation().scheme_to_overwrite();
  o.client_cert = static_cast<hcm::Config::ClientCert>(p.forward_client_cert_details());
  const auto& details = p.set_current_client_cert_details();
  o.client_cert_subject = details.subject().value();
  o.client_cert_pem = details.cert();
  o.client_cert_chain = details.chain();
  o.client_cert_dns = details.dns();
  o.client_cert_uri = details.uri();
  o.client_cert_issuer = details.issuer();
  o.client_cert_json = details.format() == Manager::JSON;
  o.use_remote_address = p.use_remote_address().value();
  o.xff_trusted_hops = p.xff_num_trusted_hops();
  o.skip_xff_append = p.skip_xff_append();
  o.append_x_forwarded_port = p.append_x_forwarded_port();
  const auto& ports = p.forward_proto_config();
  o.https_ports.assign(ports.https_destination_ports().begin(), ports.https_destination_ports().end());
  o.http_ports.assign(ports.http_destination_ports().begin(), ports.http_destination_ports().end());
  o.local_address_text = c.local_address;
  o.add_user_agent = p.add_user_agent().value();
  o.local_service_cluster = c.service_cluster;
  o.local_service_node = c.service_node;
  o.internal_unix_sockets = p.internal_address_config().unix_sockets();
  for (int i = 0; i < p.internal_address_config().cidr_ranges_size(); ++i)
    if (auto r = compile_cidr(p.internal_address_config().cidr_ranges(i), at / "internal_address_config", c.problems))
      o.internal_ranges.push_back(*r);
  o.generate_request_id = !p.has_generate_request_id() || p.generate_request_id().value();
  o.preserve_external_request_id = p.preserve_external_request_id();
  o.always_set_request_id_in_response = p.always_set_request_id_in_response();
  o.proxy_100_continue = p.proxy_100_continue();
  if (p.has_add_proxy_protocol_connection_state()) o.tells_addresses = p.add_proxy_protocol_connection_state().value();
  if (p.has_request_id_extension() &&
      !p.request_id_extension().typed_config().Is<envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig>())
    c.problems.error(
        at / "request_id_extension",
        "request id extension of type '" + p.request_id_extension().typed_config().type_url() + "' is not implemented");
}

void compile_paths(const Manager& p, hcm::Config& o, const Path& at, Problems& problems) {
  o.normalize_path = p.normalize_path().value();
  o.merge_slashes = p.merge_slashes();
  switch (p.path_with_escaped_slashes_action()) {
    case Manager::REJECT_REQUEST: o.escaped_slashes = hcm::Config::reject; break;
    case Manager::UNESCAPE_AND_REDIRECT: o.escaped_slashes = hcm::Config::unescape_and_redirect; break;
    case Manager::UNESCAPE_AND_FORWARD: o.escaped_slashes = hcm::Config::unescape_and_forward; break;
    default: o.escaped_slashes = hcm::Config::keep;
  }
  o.strip_matching_host_port = p.strip_matching_host_port();
  o.strip_any_host_port = p.strip_any_host_port();
  if (o.strip_matching_host_port && o.strip_any_host_port)
    problems.error(at / "strip_any_host_port",
                   "Error: Only one of `strip_matching_host_port` or `strip_any_host_port` can be set.");
  o.strip_trailing_host_dot = p.strip_trailing_host_dot();
}

/// When logs are written besides the end of a stream.
void compile_log_moments(const Manager& p, hcm::Config& o, const Path& at, Problems& problems) {
  if (!p.has_access_log_options()) {
    o.log_on_new_request = p.flush_access_log_on_new_request();
    if (p.has_access_log_flush_interval()) o.log_flush_interval = to_duration(p.access_log_flush_interval());
    return;
  }
  if (p.flush_access_log_on_new_request())
    problems.error(at / "flush_access_log_on_new_request",
                   "Only one of flush_access_log_on_new_request or access_log_options can be specified.");
  if (p.has_access_log_flush_interval())
    problems.error(at / "access_log_flush_interval",
                   "Only one of access_log_flush_interval or access_log_options can be specified.");
  const auto& options = p.access_log_options();
  o.log_on_new_request = options.flush_access_log_on_new_request();
  o.log_on_tunnel = options.flush_log_on_tunnel_successfully_established();
  if (options.has_access_log_flush_interval()) o.log_flush_interval = to_duration(options.access_log_flush_interval());
}

void compile_proxy_status(const Manager::ProxyStatusConfig& p, hcm::Config& o, const CompileContext& c) {
  auto& status = o.proxy_status.emplace();
  status.details = !p.remove_details();
  status.termination_details = !p.remove_connection_termination_details();
  status.flags = !p.remove_response_flags();
  status.recommended_code = p.set_recommended_response_code();
  status.name = p.proxy_name_case() == Manager::ProxyStatusConfig::kLiteralProxyName ? p.literal_proxy_name()
                : p.use_node_id()                                                    ? c.service_node
                                                                                     : o.server_name;
}

void compile_early_mutations(const Manager& p, hcm::Config& o, const Path& at, Problems& problems) {
  using Mutation = envoy::extensions::http::early_header_mutation::header_mutation::v3::HeaderMutation;
  for (int i = 0; i < p.early_header_mutation_extensions_size(); ++i) {
    const auto& any = p.early_header_mutation_extensions(i).typed_config();
    const Path extension = at.at("early_header_mutation_extensions", i), here = extension / "typed_config";
    if (!any.Is<Mutation>()) {
      problems.error(here, "early header mutation of type '" + any.type_url() + "' is not implemented");
      continue;
    }
    Mutation m;
    any.UnpackTo(&m);
    compile_header_mutation_steps(m.mutations(), here, "mutations", problems, o.early_mutations);
  }
}

/// What Envoy takes and does nothing with.
void warn_of_effectless(const Manager& p, const Path& at, Problems& problems) {
  if (p.has_path_normalization_options())
    problems.warn(at / "path_normalization_options", "has no effect, as in Envoy: use normalize_path and merge_slashes");
  if (p.represent_ipv4_remote_address_as_ipv4_mapped_ipv6())
    problems.warn(at / "represent_ipv4_remote_address_as_ipv4_mapped_ipv6", "has no effect, as in Envoy");
  if (p.has_http3_protocol_options())
    problems.warn(at / "http3_protocol_options", "has no effect, as in Envoy where TCP is spoken");
}

void compile_local_reply(const hcm_v3::LocalReplyConfig& p, hcm::Config& o, const Path& at, CompileContext& c) {
  auto& reply = o.local_reply;
  if (p.has_body_format()) {
    const auto f = compile_format(p.body_format(), at / "body_format", c.problems);
    reply.text = f.text;
    reply.json = f.json;
    reply.content_type = f.content_type;
  }
  for (int i = 0; i < p.mappers_size(); ++i) {
    const auto& m = p.mappers(i);
    const Path here = at.at("mappers", i);
    auto& out = reply.mappers.emplace_back();
    out.filter = compile_access_log_filter(m.filter(), here / "filter", c.problems);
    if (m.has_status_code()) out.status = static_cast<std::uint16_t>(m.status_code().value());
    if (m.has_body()) {
      auto text = read_data_source(m.body());
      if (text)
        out.body = *text;
      else
        c.problems.error(here / "body", text.error().detail);
    }
    if (m.has_body_format_override()) {
      const auto f = compile_format(m.body_format_override(), here / "body_format_override", c.problems);
      out.text = f.text;
      out.json = f.json;
      out.content_type = f.content_type;
    }
    compile_header_adds(m.headers_to_add(), here, "headers_to_add", c.problems, out.headers);
  }
}

std::shared_ptr<route::RouteConfig> compile_routes(const envoy::config::route::v3::RouteConfiguration& p, const Path& at,
                                                   bool validate_clusters, CompileContext& c) {
  RouteCompileContext rc{c.problems};
  rc.stats = &c.stats;
  rc.cluster_known = c.cluster_known;
  rc.validate_clusters = validate_clusters;
  rc.compile_filter_override = [&c](std::string_view filter, const google::protobuf::Any& config, const Path& here,
                                    Problems& problems) { return compile_filter_override(filter, config, here, problems, c); };
  return compile_route_config(p, at, rc);
}

}  // namespace

hcm::ConfigPtr compile_http_connection_manager(const Manager& p, const std::string& listener_stat_prefix, const Path& at,
                                               CompileContext& c) {
  auto o = std::make_shared<hcm::Config>();
  o->stat_prefix = p.stat_prefix();
  const std::string prefix = "http." + stats::sanitize(p.stat_prefix()) + ".";
  o->stats = stats::make_block<stats::HttpStat>(c.stats, prefix);
  o->router_stats = stats::make_block<stats::RouterStat>(c.stats, prefix);
  o->tracing_stats = stats::make_block<stats::HttpTracingStat>(c.stats, prefix + "tracing.");
  o->codec_stats = stats::make_block<stats::Http1Stat>(c.stats, "http1.");
  if (!listener_stat_prefix.empty())
    o->listener_stats = stats::make_block<stats::ListenerHttpStat>(c.stats, listener_stat_prefix + prefix);
  o->http2_stats = stats::make_block<stats::Http2Stat>(c.stats, "http2.");
  if (p.codec_type() == Manager::HTTP3) c.problems.error(at / "codec_type", "HTTP3 is not implemented; use AUTO, HTTP1 or HTTP2");
  if (p.codec_type() == Manager::HTTP1) o->codec = hcm::Config::Codec::http1;
  if (p.codec_type() == Manager::HTTP2) o->codec = hcm::Config::Codec::http2;
  compile_http1_options(p.http_protocol_options(), o->http1, at / "http_protocol_options", c.problems);
  if (p.has_max_request_headers_kb()) o->http1.headers_kb_max = p.max_request_headers_kb().value();
  o->stream_error_on_invalid_http_message = p.stream_error_on_invalid_http_message().value();
  o->http2.stream_error_on_invalid_message = o->stream_error_on_invalid_http_message;
  o->append_local_overload = p.append_local_overload();
  compile_http2_options(p.http2_protocol_options(), o->http2);
  compile_common(p.common_http_protocol_options(), *o);
  o->http2.headers_kb_max = o->http1.headers_kb_max;
  o->http2.headers_max = o->http1.headers_max;
  o->http2.underscores = o->http1.underscores;
  compile_timeouts(p, *o);
  if (p.has_tracing()) compile_tracing(p, *o, at / "tracing", c);
  compile_headers(p, *o, at, c);
  compile_paths(p, *o, at, c.problems);
  compile_ip_detection(p, *o, at, c.problems);
  for (int i = 0; i < p.upgrade_configs_size(); ++i) {
    const auto& u = p.upgrade_configs(i);
    auto& out = o->upgrades.emplace_back(hcm::Upgrade{lower(u.upgrade_type()), !u.has_enabled() || u.enabled().value(), {}});
    const Path filters = at.at("upgrade_configs", i);
    for (int k = 0; k < u.filters_size(); ++k)
      if (auto f = compile_http_filter(u.filters(k), k + 1 == u.filters_size(), prefix, filters.at("filters", k), c))
        out.filters.push_back(std::move(f));
  }
  if (p.has_local_reply_config()) compile_local_reply(p.local_reply_config(), *o, at / "local_reply_config", c);
  o->access_logs = compile_access_logs(p.access_log(), at, "access_log", c);
  compile_log_moments(p, *o, at, c.problems);
  if (p.has_proxy_status_config()) compile_proxy_status(p.proxy_status_config(), *o, c);
  if (p.record_route_resolution_stats()) o->route_stats = stats::make_block<stats::RouteResolutionStat>(c.stats, prefix);
  compile_early_mutations(p, *o, at, c.problems);
  warn_of_effectless(p, at, c.problems);
  if (p.http_filters_size() == 0)
    c.problems.error(at / "http_filters", "no HTTP filter: end the list with envoy.filters.http.router");
  for (int i = 0; i < p.http_filters_size(); ++i) {
    const bool last = i + 1 == p.http_filters_size();
    const auto errors = c.problems.errors();
    const Path here = at.at("http_filters", i);
    if (auto f = compile_http_filter(p.http_filters(i), last, prefix, here, c))
      o->filters.push_back(std::move(f));
    else if (last && c.problems.errors() == errors)
      c.problems.error(here, "the last HTTP filter is left out: end the list with envoy.filters.http.router");
  }
  if (p.has_scoped_routes()) {
    compile_scoped_routes(p.scoped_routes(), p.stat_prefix(), at / "scoped_routes", c, *o);
    return o;
  }
  if (p.has_rds()) {
    const Path here = at / "rds";
    if (p.rds().route_config_name().empty())
      c.problems.error(here / "route_config_name", "value length must be at least 1 characters");
    else if (!c.subscribe_routes || !c.check_source)
      c.problems.error(here, "there is nothing here that routes could come from");
    else if (c.check_source(p.rds().config_source(), here / "config_source", c.problems))
      o->route_source = c.subscribe_routes(p.rds(), p.stat_prefix());
    return o;
  }
  if (p.route_config().has_vhds())
    c.problems.error(at / "route_config" / "vhds", "only a route configuration that comes by rds can have virtual hosts of vhds");
  const bool validate = !p.route_config().has_validate_clusters() || p.route_config().validate_clusters().value();
  o->routes = compile_routes(p.route_config(), at / "route_config", validate, c);
  return o;
}

std::shared_ptr<route::RouteConfig> compile_dynamic_routes(const envoy::config::route::v3::RouteConfiguration& p, const Path& at,
                                                           CompileContext& c) {
  return compile_routes(p, at, p.validate_clusters().value(), c);
}

}  // namespace outrigger::xds
