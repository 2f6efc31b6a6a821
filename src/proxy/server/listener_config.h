// A listener, compiled: immutable, shared by workers, made by xds/compile.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "proxy/accesslog/access_log.h"
#include "proxy/hcm/network_filter.h"
#include "proxy/net/listen_socket.h"
#include "proxy/net/transport_socket.h"
#include "proxy/stats/names.h"

namespace outrigger::server {

/// envoy.config.listener.v3.FilterChainMatch, the criteria that need no listener filter.
struct FilterChainMatch {
  std::optional<std::uint16_t> destination_port;
  std::vector<net::CidrRange> destination, direct_source, source;
  std::vector<std::uint16_t> source_ports;
  enum SourceType : std::uint8_t { any, same_ip_or_loopback, external } source_type = any;
  bool never = false;  // asks for something a plain connection never has (e.g. transport_protocol tls)
};

struct FilterChain {
  std::string name;
  MetadataPtr metadata;
  FilterChainMatch match;
  std::shared_ptr<const hcm::NetworkFilterFactory> filter;
  std::shared_ptr<const net::DownstreamSocket> socket;  // null: plain
};

struct ListenerConfig {
  std::string name, stat_name;
  MetadataPtr metadata;
  std::vector<net::Address> addresses;
  std::vector<net::ListenOptions> options;  // of each address
  bool bind = true;                         // false: only what other listeners hand over
  std::uint32_t buffer_bytes_max = 1024 * 1024;
  std::vector<FilterChain> chains;
  std::optional<FilterChain> default_chain;
  bool original_dst = false;      // the original_dst listener filter
  bool use_original_dst = false;  // a redirected connection goes to the listener of its destination
  std::function<bool(std::uint16_t port)> original_dst_disabled;  // for connections to this port; null: never
  bool exact_balance = false;
  bool ignore_global_limit = false;
  unsigned accept_turn_max = net::Acceptor::kTurnMax;
  std::optional<Duration> high_watermark_timeout;
  std::string connection_limit_key;  // runtime: envoy.resource_limits.listener.<name>.connection_limit
  bool inbound = false;              // traffic_direction: INBOUND
  accesslog::AccessLogs access_logs;
  stats::BlockHandle stats;
  std::vector<stats::BlockHandle> worker_stats;
};
using ListenerConfigPtr = std::shared_ptr<const ListenerConfig>;

/// Envoy's order of criteria: each keeps the chains that match most specifically, none goes back.
const FilterChain* find_filter_chain(const ListenerConfig& c, const http::ConnectionInfo& info);

}  // namespace outrigger::server
