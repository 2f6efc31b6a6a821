// Access loggers that are services, or plugins: accepted, and nothing is sent to them.
#include "envoy/extensions/access_loggers/grpc/v3/als.pb.h"
#include "envoy/extensions/access_loggers/open_telemetry/v3/logs_service.pb.h"
#include "xds/compile/format.h"
#include "xds/compile/reports.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

namespace als = envoy::extensions::access_loggers::grpc::v3;
namespace otel = opentelemetry::proto::common::v1;
using Telemetry = envoy::extensions::access_loggers::open_telemetry::v3::OpenTelemetryAccessLogConfig;

namespace {

void check_common(const als::CommonGrpcAccessLogConfig& p, const Path& at, Problems& problems) {
  check_api_version(p.transport_api_version(), at, problems);
  check_custom_tags(p.custom_tags(), at, problems);
}

/// What is logged as a value: texts are formats.
void check_value(const otel::AnyValue& p, const format::FormatOptions& options, const Path& at, Problems& problems) {
  using V = otel::AnyValue;
  switch (p.value_case()) {
    case V::kStringValue: compile_text_format(p.string_value(), options, at, problems); break;
    case V::kArrayValue:
      for (const auto& v : p.array_value().values()) check_value(v, options, at, problems);
      break;
    case V::kKvlistValue:
      for (const auto& v : p.kvlist_value().values()) check_value(v.value(), options, at, problems);
      break;
    default:
      problems.error(
          at, "Only string values, nested key value lists and array values are supported in OpenTelemetry access log format.");
  }
}

void check_telemetry(const Telemetry& p, const Path& at, Problems& problems) {
  const int ways = p.has_grpc_service() + p.has_http_service() + p.common_config().has_grpc_service();
  if (ways == 0)
    problems.error(at,
                   "OpenTelemetry access logger requires one of: grpc_service, http_service, or common_config.grpc_service to be "
                   "configured.");
  if (ways > 1)
    problems.error(at,
                   "OpenTelemetry access logger can only have one transport configured. Specify exactly one of: grpc_service, "
                   "http_service, or common_config.grpc_service.");
  check_common(p.common_config(), at / "common_config", problems);
  check_custom_tags(p.custom_tags(), at, problems);
  check_detectors(p.resource_detectors(), at, problems);
  format::FormatOptions options;
  compile_formatters(p.formatters(), at, problems, options);
  if (p.has_body()) check_value(p.body(), options, at / "body", problems);
  for (const auto& v : p.attributes().values()) check_value(v.value(), options, at / "attributes", problems);
}

}  // namespace

bool take_access_logger(const envoy::config::accesslog::v3::AccessLog& p, const Path& at, CompileContext& c) {
  const Path here = at / "typed_config";
  const auto& any = p.typed_config();
  if (als::HttpGrpcAccessLogConfig log; any.UnpackTo(&log))
    check_common(log.common_config(), here / "common_config", c.problems);
  else if (als::TcpGrpcAccessLogConfig tcp; any.UnpackTo(&tcp))
    check_common(tcp.common_config(), here / "common_config", c.problems);
  else if (Telemetry telemetry; any.UnpackTo(&telemetry))
    check_telemetry(telemetry, here, c.problems);
  else
    return false;
  c.not_active->add(p.name(), message_name(any.type_url()), "nothing is sent to the service: use a file");
  return true;
}

}  // namespace outrigger::xds
