// Access logs and their filters. Main thread.
#pragma once
#include <memory>
#include <string_view>
#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "proxy/accesslog/access_log.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

using AccessLogList = google::protobuf::RepeatedPtrField<envoy::config::accesslog::v3::AccessLog>;
accesslog::AccessLogs compile_access_logs(const AccessLogList& logs, const Path& at, std::string_view field, CompileContext& c);
/// Null: nothing to check, or wrong (told).
std::shared_ptr<const accesslog::Filter> compile_access_log_filter(const envoy::config::accesslog::v3::AccessLogFilter& f,
                                                                   const Path& at, Problems& problems);

}  // namespace outrigger::xds
