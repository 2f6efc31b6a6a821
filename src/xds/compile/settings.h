// The bootstrap's small parts: runtime layers, stats settings, the admin's address and logs.
// Main thread.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "proxy/runtime/runtime.h"
#include "proxy/server/config.h"
#include "proxy/stats/settings.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// Without an exponent where it is whole.
std::string number_text(double v);

struct CompiledRuntime {
  std::vector<std::pair<std::string, runtime::Layer>> layers;
  std::optional<std::size_t> admin_layer;  // its index; unset: /runtime_modify is refused
  std::vector<server::DiskLayer> disk_layers;
};
/// Of a text given to /runtime_modify, which is YAML.
Result<runtime::Value> parse_runtime_value(const std::string& text);
/// Values of a layer, by whole keys.
runtime::Layer compile_runtime_values(const google::protobuf::Struct& p, const Path& at, Problems& problems);
CompiledRuntime compile_runtime(const envoy::config::bootstrap::v3::LayeredRuntime& p, const std::string& service_cluster,
                                const Path& at, Problems& problems);

/// What concerns the process as a whole: its log, memory, threads, flags in files, joined headers.
void compile_process(const envoy::config::bootstrap::v3::Bootstrap& p, bool log_format_given, server::Config& o,
                     Problems& problems);

void compile_overload(const envoy::config::overload::v3::OverloadManager& p, server::Config& o, const Path& at,
                      Problems& problems);

stats::StatsSettings compile_stats(const envoy::config::metrics::v3::StatsConfig& p, const std::vector<std::string>& tags,
                                   const Path& at, Problems& problems);

}  // namespace outrigger::xds
