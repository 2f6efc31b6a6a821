// The HTTP filter ext_authz.
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb.h"
#include "filters/ext_authz.h"
#include "xds/compile/authz_messages.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"
#include "xds/compile/grpc_target.h"
#include "xds/compile/matchers.h"
#include "xds/compile/metadata.h"

namespace outrigger::xds {

namespace authz_v3 = envoy::extensions::filters::http::ext_authz::v3;
using envoy::type::matcher::v3::ListStringMatcher;
using filters::ExtAuthzStat;

namespace {

filters::NameFilter compile_names(const ListStringMatcher& p, const Path& at, Problems& problems) {
  return compile_any_of(p.patterns(), at, "patterns", problems);
}

/// Of an answer that denies: all of it, or what is listed and what a client can't do without.
filters::NameFilter compile_to_client(const ListStringMatcher& p, const Path& at, Problems& problems) {
  auto listed = compile_names(p, at, problems);
  if (!listed) return [](std::string_view) { return true; };
  return [listed = std::move(listed)](std::string_view name) {
    return name == "content-length" || name == "www-authenticate" || name == "location" || listed(name);
  };
}

void compile_http(const authz_v3::HttpService& p, filters::HttpAuthorization& o, const Path& at, Problems& problems) {
  o.cluster = p.server_uri().cluster();
  o.timeout = to_duration(p.server_uri().timeout());
  o.path_prefix = p.path_prefix();
  o.path_override = p.path_override();
  if (!o.path_prefix.empty() && o.path_prefix[0] != '/')
    problems.error(at / "path_prefix", "path_prefix should start with \"/\".");
  if (!o.path_override.empty() && o.path_override[0] != '/')
    problems.error(at / "path_override", "path_override should start with \"/\".");
  if (!o.path_override.empty() && !o.path_prefix.empty())
    problems.error(at / "path_override", "Only one of path_prefix or path_override may be set.");
  const Path request = at / "authorization_request", answer = at / "authorization_response";
  compile_header_values(p.authorization_request().headers_to_add(), request, "headers_to_add", problems, o.add);
  const auto& a = p.authorization_response();
  o.to_upstream = compile_names(a.allowed_upstream_headers(), answer / "allowed_upstream_headers", problems);
  o.to_upstream_append =
      compile_names(a.allowed_upstream_headers_to_append(), answer / "allowed_upstream_headers_to_append", problems);
  o.to_client = compile_to_client(a.allowed_client_headers(), answer / "allowed_client_headers", problems);
  o.to_client_on_success =
      compile_names(a.allowed_client_headers_on_success(), answer / "allowed_client_headers_on_success", problems);
  o.to_metadata = compile_names(a.dynamic_metadata_from_headers(), answer / "dynamic_metadata_from_headers", problems);
}

void compile_service(const authz_v3::ExtAuthz& p, filters::ExtAuthzConfig& o, const Path& at, Problems& problems) {
  constexpr Duration kTimeout = std::chrono::milliseconds(200);
  if (p.has_http_service())
    compile_http(p.http_service(), o.http, at / "http_service", problems);
  else if (p.has_grpc_service())
    o.grpc = compile_grpc_service(p.grpc_service(), kTimeout, at / "grpc_service", problems);
  else
    problems.error(at, "a service is missing: grpc_service or http_service");
  o.messages = &authorization_messages();
}

void compile_headers(const authz_v3::ExtAuthz& p, filters::ExtAuthzConfig& o, const Path& at, Problems& problems) {
  const Path service = at / "http_service";
  const Path request = service / "authorization_request";
  const auto& old = p.http_service().authorization_request();
  if (p.has_allowed_headers() && old.has_allowed_headers())
    problems.error(request / "allowed_headers", "Invalid duplicate configuration for allowed_headers.");
  o.allowed = p.has_allowed_headers() ? compile_names(p.allowed_headers(), at / "allowed_headers", problems)
                                      : compile_names(old.allowed_headers(), request / "allowed_headers", problems);
  o.disallowed = compile_names(p.disallowed_headers(), at / "disallowed_headers", problems);
  o.raw_headers = p.encode_raw_headers();
  if (o.raw_headers && p.has_http_service())
    problems.error(at / "encode_raw_headers", "headers can't go raw to a service over HTTP");
}

filters::BodyWanted compile_body(const authz_v3::BufferSettings& p) {
  return {p.max_request_bytes(), p.allow_partial_message(), p.pack_as_bytes()};
}

FilterPtr make_ext_authz(const authz_v3::ExtAuthz& p, const FilterPlace& f, CompileContext& c) {
  auto o = std::make_shared<filters::ExtAuthzConfig>();
  const auto errors = c.problems.errors();
  compile_service(p, *o, f.config, c.problems);
  compile_headers(p, *o, f.config, c.problems);
  if (p.has_with_request_body()) o->body = compile_body(p.with_request_body());
  o->peer_certificate = p.include_peer_certificate();
  o->tls_session = p.include_tls_session();
  o->labels = compile_peer_labels(p.bootstrap_metadata_labels_key(), c);
  o->metadata_spaces.assign(p.metadata_context_namespaces().begin(), p.metadata_context_namespaces().end());
  o->route_metadata_spaces.assign(p.route_metadata_context_namespaces().begin(), p.route_metadata_context_namespaces().end());
  if (p.has_filter_enabled()) o->enabled = to_runtime_percent(p.filter_enabled());
  if (p.has_filter_enabled_metadata())
    o->enabled_metadata = compile_metadata_matcher(p.filter_enabled_metadata(), f.config / "filter_enabled_metadata", c.problems);
  if (p.has_deny_at_disable()) o->deny_when_disabled = to_runtime(p.deny_at_disable());
  o->allow_failure = p.failure_mode_allow();
  o->tell_failure = p.failure_mode_allow_header_add();
  o->clear_route_cache = p.clear_route_cache();
  if (p.status_on_error().code() >= 100) o->status_on_error = static_cast<std::uint16_t>(p.status_on_error().code());
  if (p.has_charge_cluster_response_stats()) o->charge_cluster = p.charge_cluster_response_stats().value();
  if (p.has_enable_dynamic_metadata_ingestion()) o->take_metadata = p.enable_dynamic_metadata_ingestion().value();
  if (c.problems.errors() != errors) return nullptr;
  o->by_cluster = {c.stats, "ext_authz", p.stat_prefix(), 4};
  o->stats = stats::make_block<ExtAuthzStat>(c.stats, f.stat_prefix + o->by_cluster.part() + ".");
  return std::make_shared<filters::ExtAuthzFactory>(std::move(o));
}

OverridePtr override_ext_authz(const authz_v3::ExtAuthzPerRoute& p, const Path& at, Problems& problems, const CompileContext&) {
  auto o = std::make_shared<filters::ExtAuthzPerRoute>();
  o->disabled = p.disabled();
  const auto& settings = p.check_settings();
  for (const auto& [name, value] : settings.context_extensions()) o->extensions.emplace(name, value);
  o->ignores_body = settings.disable_request_body_buffering();
  if (settings.has_with_request_body()) o->body = compile_body(settings.with_request_body());
  if (o->ignores_body && o->body) {
    const Path here = at / "check_settings";
    problems.error(here,
                   "Invalid configuration for check_settings. Only one of disable_request_body_buffering or "
                   "with_request_body can be set.");
  }
  return o;
}

}  // namespace

void add_authz_filters(FilterKinds& kinds) { kinds.add<make_ext_authz, override_ext_authz>(); }

}  // namespace outrigger::xds
