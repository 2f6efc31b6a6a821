// What the bootstrap has send stats, spans and load: accepted, not sent.
#include "envoy/config/metrics/v3/metrics_service.pb.h"
#include "envoy/extensions/stat_sinks/graphite_statsd/v3/graphite_statsd.pb.h"
#include "envoy/extensions/stat_sinks/open_telemetry/v3/open_telemetry.pb.h"
#include "xds/compile/convert.h"
#include "xds/compile/reports.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

namespace metrics_v3 = envoy::config::metrics::v3;
namespace sinks = envoy::extensions::stat_sinks;
namespace core_v3 = envoy::config::core::v3;

namespace {

std::string no_implementation(const std::string& name, const google::protobuf::Any& any) {
  return "Didn't find a registered implementation for '" + name + "' with type URL: '" +
         std::string(message_name(any.type_url())) + "'";
}

void check_service(const core_v3::GrpcService& p, const Path& at, CompileContext& c) {
  if (p.has_envoy_grpc() && c.cluster_known && !c.cluster_known(p.envoy_grpc().cluster_name()))
    c.problems.error(at / "grpc_service", "Unknown gRPC client cluster '" + p.envoy_grpc().cluster_name() + "'");
}

void check_statsd(const metrics_v3::StatsdSink& p, const Path& at, CompileContext& c) {
  if (p.has_address()) compile_address(p.address(), at / "address", c.problems);
  if (!p.tcp_cluster_name().empty() && c.cluster_known && !c.cluster_known(p.tcp_cluster_name()))
    c.problems.error(at / "tcp_cluster_name", "tcp statsd: unknown cluster '" + p.tcp_cluster_name() + "'");
  if (!p.tcp_cluster_name().empty() && (c.service_node.empty() || c.service_cluster.empty()))
    c.problems.error(at / "tcp_cluster_name", "tcp statsd: node 'id' and 'cluster' are required");
}

/// False: it is no sink.
bool check_sink(const google::protobuf::Any& any, const Path& at, CompileContext& c) {
  if (metrics_v3::StatsdSink p; any.UnpackTo(&p)) return check_statsd(p, at, c), true;
  if (metrics_v3::DogStatsdSink p; any.UnpackTo(&p)) return compile_address(p.address(), at / "address", c.problems), true;
  if (sinks::graphite_statsd::v3::GraphiteStatsdSink p; any.UnpackTo(&p))
    return compile_address(p.address(), at / "address", c.problems), true;
  if (metrics_v3::MetricsServiceConfig p; any.UnpackTo(&p)) {
    check_service(p.grpc_service(), at, c);
    check_api_version(p.transport_api_version(), at, c.problems);
    return true;
  }
  if (sinks::open_telemetry::v3::SinkConfig p; any.UnpackTo(&p)) {
    check_service(p.grpc_service(), at, c);
    check_detectors(p.resource_detectors(), at, c.problems);
    return true;
  }
  return any.Is<metrics_v3::HystrixSink>();
}

}  // namespace

void check_api_version(core_v3::ApiVersion version, const Path& at, Problems& problems) {
  if (version == core_v3::V2)
    problems.error(at / "transport_api_version", "the v2 xDS major version has been removed and is no longer supported");
}

void take_bootstrap_reports(const envoy::config::bootstrap::v3::Bootstrap& b, CompileContext& c) {
  const Path root;
  for (int i = 0; i < b.stats_sinks_size(); ++i) {
    const auto& p = b.stats_sinks(i);
    const Path at = root.at("stats_sinks", i);
    if (!check_sink(p.typed_config(), at / "typed_config", c))
      c.problems.error(at, no_implementation(p.name(), p.typed_config()));
    else
      c.not_active->add(p.name().empty() ? at.text() : p.name(), message_name(p.typed_config().type_url()),
                        "stats are not sent anywhere");
  }
  if (b.cluster_manager().has_load_stats_config())
    c.not_active->add("load_stats_config", core_v3::ApiConfigSource::descriptor()->full_name(), "load is not reported");
  if (!b.tracing().has_http()) return;
  const auto& tracer = b.tracing().http();
  if (!is_tracer(tracer.typed_config()))
    return c.problems.error(root / "tracing" / "http", no_implementation(tracer.name(), tracer.typed_config()));
  c.not_active->add(tracer.name(), message_name(tracer.typed_config().type_url()), kNoSpans);
}

}  // namespace outrigger::xds
