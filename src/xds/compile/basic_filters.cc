#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "envoy/extensions/filters/http/on_demand/v3/on_demand.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/http/set_filter_state/v3/set_filter_state.pb.h"
#include "filters/cors.h"
#include "filters/fault.h"
#include "filters/on_demand.h"
#include "filters/request_filter_state.h"
#include "filters/router.h"
#include "xds/compile/access_log.h"
#include "xds/compile/cluster_demand.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"
#include "xds/compile/filter_state.h"
#include "xds/compile/matchers.h"
#include "xds/compile/metadata.h"

namespace outrigger::xds {

namespace cors_v3 = envoy::extensions::filters::http::cors::v3;
namespace fault_v3 = envoy::extensions::filters::http::fault::v3;
namespace on_demand_v3 = envoy::extensions::filters::http::on_demand::v3;
namespace state_v3 = envoy::extensions::filters::http::set_filter_state::v3;
namespace router_v3 = envoy::extensions::filters::http::router::v3;

namespace {

void set_key(std::string& key, const std::string& configured) {
  if (!configured.empty()) key = configured;
}

std::shared_ptr<filters::FaultConfig> compile_fault(const fault_v3::HTTPFault& p, const Path& at, Problems& problems) {
  auto c = std::make_shared<filters::FaultConfig>();
  if (p.has_delay()) {
    auto& d = c->delay.emplace();
    d.from_header = p.delay().has_header_delay();
    d.fixed = to_duration(p.delay().fixed_delay());
    d.percent = to_percent(p.delay().percentage());
  }
  if (p.has_abort()) {
    auto& a = c->abort.emplace();
    a.from_header = p.abort().has_header_abort();
    if (p.abort().error_type_case() == fault_v3::FaultAbort::kHttpStatus) a.http_status = p.abort().http_status();
    if (p.abort().error_type_case() == fault_v3::FaultAbort::kGrpcStatus) a.grpc_status = p.abort().grpc_status();
    if (!p.abort().response_body().empty()) a.body = p.abort().response_body();
    a.percent = to_percent(p.abort().percentage());
  }
  if (p.has_response_rate_limit()) {
    auto& r = c->rate_limit.emplace();
    r.from_header = p.response_rate_limit().has_header_limit();
    r.kbps = p.response_rate_limit().fixed_limit().limit_kbps();
    r.percent = to_percent(p.response_rate_limit().percentage());
  }
  c->upstream_cluster = p.upstream_cluster();
  for (int i = 0; i < p.headers_size(); ++i) {
    if (auto m = compile_header_matcher(p.headers(i), at.at("headers", i), problems)) c->headers.push_back(std::move(*m));
  }
  for (const auto& n : p.downstream_nodes()) c->downstream_nodes.push_back(n);
  if (p.has_max_active_faults()) c->active_max = p.max_active_faults().value();
  set_key(c->delay_percent_key, p.delay_percent_runtime());
  set_key(c->abort_percent_key, p.abort_percent_runtime());
  set_key(c->delay_duration_key, p.delay_duration_runtime());
  set_key(c->abort_status_key, p.abort_http_status_runtime());
  set_key(c->abort_grpc_key, p.abort_grpc_status_runtime());
  set_key(c->active_max_key, p.max_active_faults_runtime());
  set_key(c->rate_limit_percent_key, p.response_rate_limit_percent_runtime());
  if (p.has_filter_metadata()) {
    auto all = std::make_shared<Metadata>();
    all->merge("envoy.filters.http.fault", compile_metadata_value(p.filter_metadata()));
    c->metadata = std::move(all);
  }
  c->downstream_cluster_stats = !p.disable_downstream_cluster_stats();
  return c;
}

/// `p` null: only routes are asked for.
std::shared_ptr<const filters::OnDemandConfig> compile_on_demand(const on_demand_v3::OnDemandCds* p, const Path& at,
                                                                 Problems& problems, const CompileContext& c) {
  auto o = std::make_shared<filters::OnDemandConfig>();
  if (p == nullptr) return o;
  const Path here = at / "odcds";
  if (p->has_timeout()) o->patience = to_duration(p->timeout());
  if (!p->has_source())
    problems.error(here / "source", "a source is needed: sources by the authority of xdstp: names are not implemented");
  o->clusters =
      compile_cluster_demand(p->source(), here / "source", p->resources_locator(), here / "resources_locator", problems, c);
  return o;
}

filters::RequestFilterState compile_state(const state_v3::Config& p, const Path& at, Problems& problems) {
  filters::RequestFilterState o;
  o.rules = compile_filter_state(p.on_request_headers(), at, "on_request_headers", problems);
  o.clear_route_cache = p.clear_route_cache();
  return o;
}

std::shared_ptr<filters::CorsPolicy> compile_cors(const cors_v3::CorsPolicy& p, const Path& at, Problems& problems) {
  auto o = std::make_shared<filters::CorsPolicy>();
  for (int i = 0; i < p.allow_origin_string_match_size(); ++i)
    o->origins.push_back(compile_string_matcher(p.allow_origin_string_match(i), at.at("allow_origin_string_match", i), problems));
  o->methods = p.allow_methods();
  o->headers = p.allow_headers();
  o->exposed = p.expose_headers();
  o->max_age = p.max_age();
  const auto flag = [](bool set, const google::protobuf::BoolValue& v) { return set ? std::optional(v.value()) : std::nullopt; };
  o->credentials = flag(p.has_allow_credentials(), p.allow_credentials());
  o->private_network = flag(p.has_allow_private_network_access(), p.allow_private_network_access());
  o->forward_other_preflights = flag(p.has_forward_not_matching_preflights(), p.forward_not_matching_preflights());
  if (p.has_filter_enabled()) o->enabled = to_runtime_percent(p.filter_enabled());
  if (p.has_shadow_enabled()) o->shadow = to_runtime_percent(p.shadow_enabled());
  return o;
}

std::shared_ptr<const filters::UpstreamLogConfig> compile_upstream_log(const router_v3::Router& p, const Path& at,
                                                                       CompileContext& c) {
  auto o = std::make_shared<filters::UpstreamLogConfig>();
  o->logs = compile_access_logs(p.upstream_log(), at, "upstream_log", c);
  o->on_upstream_stream = p.upstream_log_options().flush_upstream_log_on_upstream_stream();
  if (p.upstream_log_options().has_upstream_log_flush_interval())
    o->flush_interval = to_duration(p.upstream_log_options().upstream_log_flush_interval());
  return o->logs.empty() ? nullptr : std::move(o);
}

FilterPtr make_router(const router_v3::Router& p, const FilterPlace& f, CompileContext& c) {
  filters::RouterConfig r;
  r.suppress_envoy_headers = p.suppress_envoy_headers();
  r.respect_expected_rq_timeout = p.respect_expected_rq_timeout();
  r.dynamic_stats = !p.has_dynamic_stats() || p.dynamic_stats().value();
  r.suppress_grpc_codes = p.suppress_grpc_request_failure_code_stats();
  r.upstream_log = compile_upstream_log(p, f.config, c);
  r.reject_early_connect_data = p.reject_connect_request_early_data().value();
  if (p.start_child_span()) c.problems.warn(f.config / "start_child_span", "has no effect: there is no tracing");
  r.strict_headers.assign(p.strict_check_headers().begin(), p.strict_check_headers().end());
  return std::make_shared<filters::RouterFactory>(std::move(r));
}

FilterPtr make_fault(const fault_v3::HTTPFault& p, const FilterPlace& f, CompileContext& c) {
  auto o = compile_fault(p, f.config, c.problems);
  o->counts = std::make_shared<filters::FaultCounts>();
  o->stats = stats::make_block<stats::FaultStat>(c.stats, f.stat_prefix + "fault.");
  o->cluster_stats = &stats::make_named_blocks<stats::FaultClusterStat>(c.stats, f.stat_prefix + "fault.");
  return std::make_shared<filters::FaultFactory>(std::move(o));
}

FilterPtr make_state(const state_v3::Config& p, const FilterPlace& f, CompileContext& c) {
  return std::make_shared<filters::RequestFilterStateFactory>(compile_state(p, f.config, c.problems));
}

FilterPtr make_on_demand(const on_demand_v3::OnDemand& p, const FilterPlace& f, CompileContext& c) {
  return std::make_shared<filters::OnDemandFactory>(
      compile_on_demand(p.has_odcds() ? &p.odcds() : nullptr, f.config, c.problems, c));
}

FilterPtr make_cors(const cors_v3::Cors&, const FilterPlace& f, CompileContext& c) {
  return std::make_shared<filters::CorsFactory>(stats::make_block<stats::CorsStat>(c.stats, f.stat_prefix + "cors."));
}

OverridePtr fault_override(const fault_v3::HTTPFault& p, const Path& at, Problems& problems, const CompileContext&) {
  return compile_fault(p, at, problems);
}

OverridePtr cors_override(const cors_v3::CorsPolicy& p, const Path& at, Problems& problems, const CompileContext&) {
  return compile_cors(p, at, problems);
}

OverridePtr state_override(const state_v3::Config& p, const Path& at, Problems& problems, const CompileContext&) {
  return std::make_shared<filters::RequestFilterState>(compile_state(p, at, problems));
}

OverridePtr on_demand_override(const on_demand_v3::PerRouteConfig& p, const Path& at, Problems& problems,
                               const CompileContext& c) {
  return compile_on_demand(p.has_odcds() ? &p.odcds() : nullptr, at, problems, c);
}

}  // namespace

bool is_router(const FilterKind& kind) { return kind.config == router_v3::Router::descriptor()->full_name(); }

void add_basic_filters(FilterKinds& kinds) {
  kinds.add<make_router>();
  kinds.add<make_fault, fault_override>();
  kinds.add<make_state, state_override>();
  kinds.add<make_on_demand, on_demand_override>();
  kinds.add<make_cors, cors_override>();
}

}  // namespace outrigger::xds
