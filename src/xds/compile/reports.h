// What would report to services elsewhere, of which nothing is sent yet: tracers, access loggers, sinks of stats. They are
// accepted, so that what else the listener or the bootstrap says holds; their configs are checked as Envoy does. Main thread.
#pragma once
#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/trace/v3/http_tracer.pb.h"
#include "envoy/type/tracing/v3/custom_tag.pb.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

inline constexpr std::string_view kNoSpans = "no spans are made, and no trace headers are added to requests";

/// One of those that are accepted.
bool is_tracer(const google::protobuf::Any& any);
void take_tracer(const envoy::config::trace::v3::Tracing::Http& p, const Path& at, CompileContext& c);
/// Resource detectors of OpenTelemetry, of tracers and of access loggers.
using Extensions = google::protobuf::RepeatedPtrField<envoy::config::core::v3::TypedExtensionConfig>;
void check_detectors(const Extensions& list, const Path& at, Problems& problems);
using CustomTags = google::protobuf::RepeatedPtrField<envoy::type::tracing::v3::CustomTag>;
void check_custom_tags(const CustomTags& list, const Path& at, Problems& problems);
void check_api_version(envoy::config::core::v3::ApiVersion version, const Path& at, Problems& problems);
/// False: the logger is none of those that send.
bool take_access_logger(const envoy::config::accesslog::v3::AccessLog& p, const Path& at, CompileContext& c);
/// The sinks of stats, the tracer and the reports of load that the bootstrap names. Which clusters there are is known.
void take_bootstrap_reports(const envoy::config::bootstrap::v3::Bootstrap& b, CompileContext& c);

}  // namespace outrigger::xds
