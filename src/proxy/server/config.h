// What a server is started with: the compiled bootstrap and the command line, as plain data.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include "proxy/accesslog/access_log.h"
#include "proxy/server/listener_config.h"
#include "proxy/stats/settings.h"
#include "proxy/upstream/cluster_config.h"

namespace outrigger::server {

struct AdminConfig {
  net::Address address;
  accesslog::AccessLogs access_logs;
};

struct Config {
  std::vector<upstream::ClusterConfigPtr> clusters;
  std::vector<ListenerConfigPtr> listeners;
  std::vector<std::pair<std::string, runtime::Layer>> runtime_layers;
  std::optional<std::size_t> admin_layer;
  Result<runtime::Value> (*parse_runtime_value)(const std::string& text) = nullptr;  // of /runtime_modify
  stats::StatsSettings stats;
  Duration stats_flush_interval = std::chrono::seconds(5);
  std::optional<AdminConfig> admin;
  std::uint64_t unknown_fields = 0;
};

struct Settings {
  unsigned workers = 1;
  Duration drain_time = std::chrono::seconds(600);
  bool drain_immediate = false;
  Duration flush_interval = std::chrono::seconds(10);  // of access logs
  std::size_t flush_bytes = 64 * 1024;
  std::string admin_address_path;
  bool exit_when_ready = false;  // --mode init_only
};

}  // namespace outrigger::server
