// Which requests are traced, and by whom.
#include <cmath>
#include "envoy/config/trace/v3/datadog.pb.h"
#include "envoy/config/trace/v3/opentelemetry.pb.h"
#include "envoy/config/trace/v3/skywalking.pb.h"
#include "envoy/config/trace/v3/xray.pb.h"
#include "envoy/config/trace/v3/zipkin.pb.h"
#include "envoy/extensions/request_id/uuid/v3/uuid.pb.h"
#include "envoy/extensions/tracers/fluentd/v3/fluentd.pb.h"
#include "envoy/extensions/tracers/opentelemetry/resource_detectors/v3/dynatrace_resource_detector.pb.h"
#include "envoy/extensions/tracers/opentelemetry/resource_detectors/v3/environment_resource_detector.pb.h"
#include "envoy/extensions/tracers/opentelemetry/resource_detectors/v3/static_config_resource_detector.pb.h"
#include "envoy/extensions/tracers/opentelemetry/samplers/v3/always_on_sampler.pb.h"
#include "envoy/extensions/tracers/opentelemetry/samplers/v3/cel_sampler.pb.h"
#include "envoy/extensions/tracers/opentelemetry/samplers/v3/dynatrace_sampler.pb.h"
#include "envoy/extensions/tracers/opentelemetry/samplers/v3/parent_based_sampler.pb.h"
#include "envoy/extensions/tracers/opentelemetry/samplers/v3/trace_id_ratio_based_sampler.pb.h"
#include "proxy/hcm/config.h"
#include "xds/compile/expression.h"
#include "xds/compile/format.h"
#include "xds/compile/http.h"
#include "xds/compile/not_active.h"
#include "xds/compile/reports.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

namespace core_v3 = envoy::config::core::v3;
namespace detectors = envoy::extensions::tracers::opentelemetry::resource_detectors::v3;
namespace samplers = envoy::extensions::tracers::opentelemetry::samplers::v3;
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

void check_sampler(const core_v3::TypedExtensionConfig& p, bool wrapped, const Path& at, Problems& problems) {
  const Path here = at / "typed_config";
  const auto& any = p.typed_config();
  if (samplers::CELSamplerConfig cel; any.UnpackTo(&cel)) {
    compile_expression(cel.expression(), here / "expression", problems);
  } else if (samplers::ParentBasedSamplerConfig parent; any.UnpackTo(&parent)) {
    check_sampler(parent.wrapped_sampler(), true, here / "wrapped_sampler", problems);
  } else if (!any.Is<samplers::AlwaysOnSamplerConfig>() && !any.Is<samplers::DynatraceSamplerConfig>() &&
             !any.Is<samplers::TraceIdRatioBasedSamplerConfig>()) {
    problems.error(at, wrapped ? "Didn't find a registered implementation for '" + p.name() + "' with type URL: '" +
                                     std::string(message_name(any.type_url())) + "'"
                               : "Sampler factory not found: '" + p.name() + "'");
  }
}

void check_opentelemetry(const trace_v3::OpenTelemetryConfig& p, const Path& at, Problems& problems) {
  if (p.has_exporter())
    return problems.error(at / "exporter", "other exporters are not implemented: use grpc_service or http_service");
  if (p.has_grpc_service() == p.has_http_service())
    problems.error(at, "OpenTelemetry Tracer must have exactly one of gRPC, HTTP, or custom exporter configured.");
  check_detectors(p.resource_detectors(), at, problems);
  if (p.has_sampler()) check_sampler(p.sampler(), false, at / "sampler", problems);
}

void check_datadog(const trace_v3::DatadogConfig& p, const Path& at, CompileContext& c) {
  if (c.cluster_known && !c.cluster_known(p.collector_cluster()))
    c.problems.error(at / "collector_cluster", "envoy.tracers.datadog: unknown cluster '" + p.collector_cluster() + "'");
}

void check_xray(const trace_v3::XRayConfig& p, const Path& at, Problems& problems) {
  if (p.has_daemon_endpoint() && p.daemon_endpoint().protocol() != core_v3::SocketAddress::UDP)
    problems.error(at / "daemon_endpoint", "X-Ray daemon endpoint must be a UDP socket address");
}

}  // namespace

void check_detectors(const Extensions& list, const Path& at, Problems& problems) {
  for (int i = 0; i < list.size(); ++i) {
    const auto& any = list.Get(i).typed_config();
    if (!any.Is<detectors::EnvironmentResourceDetectorConfig>() && !any.Is<detectors::DynatraceResourceDetectorConfig>() &&
        !any.Is<detectors::StaticConfigResourceDetectorConfig>())
      problems.error(at.at("resource_detectors", i), "Resource detector factory not found: '" + list.Get(i).name() + "'");
  }
}

void check_custom_tags(const CustomTags& list, const Path& at, Problems& problems) {
  for (int i = 0; i < list.size(); ++i)
    if (!list.Get(i).value().empty()) compile_text_format(list.Get(i).value(), {}, at.at("custom_tags", i) / "value", problems);
}

bool is_tracer(const google::protobuf::Any& any) {
  return any.Is<trace_v3::ZipkinConfig>() || any.Is<trace_v3::OpenTelemetryConfig>() || any.Is<trace_v3::DatadogConfig>() ||
         any.Is<trace_v3::SkyWalkingConfig>() || any.Is<trace_v3::XRayConfig>() ||
         any.Is<envoy::extensions::tracers::fluentd::v3::FluentdConfig>();
}

void take_tracer(const trace_v3::Tracing::Http& p, const Path& at, CompileContext& c) {
  const Path here = at / "typed_config";
  const auto& any = p.typed_config();
  if (trace_v3::ZipkinConfig zipkin; any.UnpackTo(&zipkin)) {
    check_zipkin(zipkin, here, c);
  } else if (trace_v3::OpenTelemetryConfig telemetry; any.UnpackTo(&telemetry)) {
    check_opentelemetry(telemetry, here, c.problems);
  } else if (trace_v3::DatadogConfig datadog; any.UnpackTo(&datadog)) {
    check_datadog(datadog, here, c);
  } else if (trace_v3::XRayConfig xray; any.UnpackTo(&xray)) {
    check_xray(xray, here, c.problems);
  } else if (!is_tracer(any)) {
    return c.problems.error(here, any.type_url().empty() ? "which tracer is not said" : "this tracer is not implemented");
  }
  c.not_active->add(p.name(), message_name(any.type_url()), kNoSpans);
}

void compile_tracing(const Manager& p, hcm::Config& o, const Path& at, CompileContext& c) {
  const auto percent = [](bool set, const envoy::type::v3::Percent& v) {
    const double whole = set ? v.value() : 100;
    return runtime::FractionalPercent{static_cast<std::uint32_t>(std::lround(whole * 100)), runtime::Denominator::ten_thousand};
  };
  const auto& t = p.tracing();
  if (t.has_provider()) take_tracer(t.provider(), at / "provider", c);
  check_custom_tags(t.custom_tags(), at, c.problems);
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
