// Active health checks of a cluster: what is asked of each host, how often, and which answers are good. Immutable, main
// thread, made by xds/compile.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/base/metadata.h"
#include "proxy/base/time.h"

namespace outrigger::http {
struct RequestHead;
struct UpstreamInfo;
}  // namespace outrigger::http

namespace outrigger::upstream {

enum class CheckKind : std::uint8_t { http, tcp, grpc };

/// From the first to before the end.
struct StatusRange {
  std::int64_t first = 200, end = 201;
  bool has(std::int64_t status) const noexcept { return status >= first && status < end; }
};

struct HealthConfig {
  CheckKind kind = CheckKind::tcp;
  Duration timeout{0}, interval{0}, initial_jitter{0}, interval_jitter{0};
  std::uint32_t jitter_percent = 0;
  std::uint32_t unhealthy_threshold = 1, healthy_threshold = 1;
  bool reuse_connection = true;
  /// Of clusters without a connection yet; of hosts that fail; while a threshold is not reached.
  Duration no_traffic = std::chrono::seconds(60), no_traffic_healthy = std::chrono::seconds(60);
  Duration unhealthy_interval{0}, unhealthy_edge{0}, healthy_edge{0};
  /// Take a line of JSON for each event.
  std::vector<std::function<void(std::string_view line)>> logs;
  bool log_failures = false, log_successes = false;  // each of them
  std::string alpn;                                  // offered, as on the wire; empty: as the cluster's socket has it
  MetadataPtr socket_criteria;                       // chooses among the socket matches; null: the host's socket

  std::string authority;  // empty: the cluster's name
  std::vector<std::string> receive;
  std::string send;
  // http, and what gRPC shares with it
  std::string path, method = "GET";
  bool http2 = false;
  std::uint64_t response_bytes_max = 1024;  // that are looked at
  std::vector<StatusRange> expected{StatusRange{}}, retriable;
  std::function<void(http::RequestHead& head, const http::UpstreamInfo& info)> add_headers;  // null: none
  std::function<bool(std::string_view)> service_matches;                                     // null: any
  // gRPC
  std::string service;
};

}  // namespace outrigger::upstream
