// Which requests are traced, and by whom.
#include <cmath>
#include "envoy/config/trace/v3/opentelemetry.pb.h"
#include "envoy/config/trace/v3/zipkin.pb.h"
#include "envoy/extensions/request_id/uuid/v3/uuid.pb.h"
#include "proxy/hcm/config.h"
#include "xds/compile/http.h"
#include "xds/compile/not_active.h"

namespace outrigger::xds {

namespace trace_v3 = envoy::config::trace::v3;
using Manager = envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

namespace {

void check_zipkin(const trace_v3::ZipkinConfig& p, const Path& at, CompileContext& c) {
  if (p.collector_endpoint_version() == trace_v3::ZipkinConfig::DEPRECATED_AND_UNAVAILABLE_DO_NOT_USE)
    c.problems.error(at / "collector_endpoint_version", "has to be set: the default is no longer served; use HTTP_JSON");
  if (!p.has_collector_service() && (p.collector_cluster().empty() || p.collector_endpoint().empty()))
    return c.problems.error(at, "collector_cluster and collector_endpoint must be specified when not using collector_service");
  const auto& cluster = p.has_collector_service() ? p.collector_service().http_uri().cluster() : p.collector_cluster();
  if (c.cluster_known && !c.cluster_known(cluster))
    c.problems.error(at, "envoy.tracers.zipkin: unknown cluster '" + cluster + "'");
}

void check_opentelemetry(const trace_v3::OpenTelemetryConfig& p, const Path& at, Problems& problems) {
  if (p.has_exporter())
    return problems.error(at / "exporter", "other exporters are not implemented: use grpc_service or http_service");
  if (p.has_grpc_service() == p.has_http_service())
    problems.error(at, "OpenTelemetry Tracer must have exactly one of gRPC, HTTP, or custom exporter configured.");
}

/// The tracers that control planes name are taken, so that what else the listener says holds; they make no spans yet.
void take_provider(const trace_v3::Tracing::Http& p, const Path& at, CompileContext& c) {
  const Path here = at / "typed_config";
  const auto& any = p.typed_config();
  trace_v3::ZipkinConfig zipkin;
  trace_v3::OpenTelemetryConfig telemetry;
  if (any.UnpackTo(&zipkin)) {
    check_zipkin(zipkin, here, c);
  } else if (any.UnpackTo(&telemetry)) {
    check_opentelemetry(telemetry, here, c.problems);
  } else {
    return c.problems.error(here, any.type_url().empty() ? "which tracer is not said" : "this tracer is not implemented");
  }
  c.not_active->add(p.name(), any.type_url().substr(any.type_url().find('/') + 1),
                    "no spans are made, and no trace headers are added to requests");
}

}  // namespace

void compile_tracing(const Manager& p, hcm::Config& o, const Path& at, CompileContext& c) {
  const auto percent = [](bool set, const envoy::type::v3::Percent& v) {
    const double whole = set ? v.value() : 100;
    return runtime::FractionalPercent{static_cast<std::uint32_t>(std::lround(whole * 100)), runtime::Denominator::ten_thousand};
  };
  const auto& t = p.tracing();
  if (t.has_provider()) take_provider(t.provider(), at / "provider", c);
  auto& out = o.tracing.emplace();
  out.client.numerator = t.has_client_sampling() ? static_cast<std::uint32_t>(t.client_sampling().value()) : 100;
  out.random = percent(t.has_random_sampling(), t.random_sampling());
  out.overall = percent(t.has_overall_sampling(), t.overall_sampling());
  out.outbound = c.outbound;
  envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig id;
  if (!p.request_id_extension().typed_config().UnpackTo(&id)) return;
  out.in_request_id = !id.has_pack_trace_reason() || id.pack_trace_reason().value();
  out.by_request_id = !id.has_use_request_id_for_trace_sampling() || id.use_request_id_for_trace_sampling().value();
}

}  // namespace outrigger::xds
