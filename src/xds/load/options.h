// The command line: Envoy's flags. Main thread, once.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>
#include "proxy/base/result.h"

namespace outrigger::xds {

struct Options {
  enum Mode : std::uint8_t { serve, validate, init_only, help, version, hot_restart_version } mode = serve;
  std::string config_path, config_yaml;
  unsigned concurrency = 0;  // 0: one per hardware thread
  std::string log_level = "info", component_log_level, log_path, log_format;
  bool log_format_escaped = false;
  std::string service_cluster, service_node, service_zone;
  std::string admin_address_path, base_id_path;
  bool use_dynamic_base_id = false;
  std::uint32_t base_id = 0, restart_epoch = 0;
  std::uint32_t drain_time_s = 600, parent_shutdown_time_s = 900;
  bool drain_immediate = false;
  std::uint32_t flush_interval_ms = 10000, flush_min_kb = 64;
  bool allow_unknown_static_fields = false, reject_unknown_dynamic_fields = false, ignore_unknown_dynamic_fields = false;
  bool ipv6_local_address = false, cpuset_threads = false;
  std::vector<std::string> stats_tags;      // name:value
  std::vector<std::string> without_effect;  // given flags that do nothing here
};

/// Errors tell the flag and what was expected.
Result<Options> parse_options(int argc, const char* const* argv);
std::string help_text();

}  // namespace outrigger::xds
