// A listener, compiled: immutable, shared by workers, made by xds/compile.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "proxy/accesslog/access_log.h"
#include "proxy/hcm/network_filter.h"
#include "proxy/listener/chain_index.h"
#include "proxy/listener/filter.h"
#include "proxy/net/listen_socket.h"
#include "proxy/net/transport_socket.h"
#include "proxy/stats/lease.h"
#include "proxy/stats/names.h"

namespace outrigger::route {
class MatchTree;
}

namespace outrigger::server {

struct FilterChain {
  std::string name;
  std::uint64_t content = 0;  // a hash of its config: chains of one listener's versions are the same when it is
  MetadataPtr metadata;
  std::shared_ptr<const hcm::NetworkFilterFactory> filter;  // null: its connections are closed at once
  std::shared_ptr<const net::DownstreamSocket> socket;      // null: plain
  /// Have all configs of filters that come later come to that worker? Null: there are none.
  std::function<bool(std::size_t worker)> ready = {};
};

struct ListenerConfig {
  std::string name, stat_name;
  MetadataPtr metadata;
  std::vector<net::Address> addresses;
  std::vector<net::ListenOptions> options;  // of each address
  bool bind = true;                         // false: only what other listeners hand over
  bool internal = false;                    // for connections from this process, which name it
  std::uint32_t buffer_bytes_max = 1024 * 1024;
  std::vector<FilterChain> chains;
  listener::ChainIndex chain_index;                       // into chains
  std::shared_ptr<const route::MatchTree> chain_matcher;  // instead of chain_index; null: none
  std::optional<FilterChain> default_chain;
  listener::Filters filters;
  bool filters_come_later = false;                      // some of them
  Duration filters_timeout = std::chrono::seconds(15);  // 0: none
  bool continue_on_filters_timeout = false;
  bool use_original_dst = false;  // a redirected connection goes to the listener of its destination
  bool exact_balance = false;
  bool ignore_global_limit = false;
  bool bypass_overload_manager = false;
  unsigned accept_turn_max = net::Acceptor::kTurnMax;
  std::optional<Duration> high_watermark_timeout;
  std::string connection_limit_key;  // runtime: envoy.resource_limits.listener.<name>.connection_limit
  bool inbound = false;              // traffic_direction: INBOUND
  accesslog::AccessLogs access_logs;
  stats::BlockHandle stats;
  std::vector<stats::BlockHandle> worker_stats;
  /// A hash of all but its filter chains: versions that differ in these alone change in place.
  std::uint64_t frame = 0;
  stats::LeasePtr lease;  // of a config that may go
};
using ListenerConfigPtr = std::shared_ptr<const ListenerConfig>;

/// Null: none matches and there is no default.
const FilterChain* find_filter_chain(const ListenerConfig& c, const http::ConnectionInfo& info);

}  // namespace outrigger::server
