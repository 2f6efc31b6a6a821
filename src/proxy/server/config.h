// What a server is started with: the compiled bootstrap and the command line, as plain data.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include "proxy/accesslog/access_log.h"
#include "proxy/server/listener_config.h"
#include "proxy/server/overload_config.h"
#include "proxy/stats/settings.h"
#include "proxy/upstream/cluster_config.h"

namespace outrigger::server {

struct AdminConfig {
  net::Address address;
  std::vector<net::RawOption> socket_options;
  std::function<bool(std::string_view path)> allowed;  // by path and query; null: everything
  accesslog::AccessLogs access_logs;
};

/// A layer of the runtime that is read from files, again when `link` was replaced.
struct DiskLayer {
  std::size_t index = 0;  // among the layers
  std::string link, directory;
};

/// Memory that is free is given back to the kernel from time to time.
struct MemoryRelease {
  Duration interval = std::chrono::seconds(1);
};

/// Of the overload manager.
constexpr const char* kConnectionsMonitor = "envoy.resource_monitors.global_downstream_max_connections";

struct Config {
  std::string local_cluster;                     // the cluster that this proxy is in; empty: not told
  std::shared_ptr<accesslog::Sink> outlier_log;  // events of outlier detection; null: none
  upstream::LocalityPtr node_locality = upstream::no_locality();
  std::vector<upstream::ClusterConfigPtr> clusters;
  std::vector<ListenerConfigPtr> listeners;
  /// Called once the clusters are warm: brings what comes later, then calls `done`. Null: nothing comes later.
  std::function<void(std::function<void()> done)> load_dynamic;
  std::vector<std::pair<std::string, runtime::Layer>> runtime_layers;
  std::optional<std::size_t> admin_layer;
  Result<runtime::Value> (*parse_runtime_value)(const std::string& text) = nullptr;  // of /runtime_modify and of a file
  std::vector<DiskLayer> disk_layers;
  stats::StatsSettings stats;
  std::optional<Duration> stats_flush_interval = std::chrono::seconds(5);  // unset: whenever the stats are looked at
  std::uint64_t version = 0;                                               // server.version
  std::optional<AdminConfig> admin;
  std::string drain_file;    // there at the start: the health check fails; empty: none
  bool pin_workers = false;  // each to a CPU
  std::optional<MemoryRelease> memory_release;
  std::string log_format;  // of the process's own log; empty: not set here
  std::uint64_t unknown_fields = 0;
  std::optional<std::uint64_t> connections_max;  // of all listeners that don't ignore it; unset: the runtime's
  OverloadConfig overload;
  std::size_t internal_buffer_bytes = 1024 * 1024;  // of connections to internal listeners, each way
};

struct Settings {
  unsigned workers = 1;
  Duration drain_time = std::chrono::seconds(600);
  bool drain_immediate = false;
  Duration flush_interval = std::chrono::seconds(10);  // of access logs
  std::size_t flush_bytes = 64 * 1024;
  std::string admin_address_path;
  bool exit_when_ready = false;      // --mode init_only
  const TimeSource* time = nullptr;  // of the main thread; null: the kernel's clock
};

}  // namespace outrigger::server
