// tcp_proxy: bytes both ways between a downstream connection and a host of a cluster. One object
// per connection, owned by its listener, on one worker.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "filters/http_tunnel.h"
#include "proxy/accesslog/access_log.h"
#include "proxy/base/demand.h"
#include "proxy/hcm/network_filter.h"
#include "proxy/upstream/cluster.h"
#include "proxy/upstream/proxy_tlvs.h"

namespace outrigger::filters {

struct TcpProxyConfig {
  std::string stat_prefix;
  stats::BlockHandle stats;  // tcp.<prefix>.
  std::string cluster;
  struct Weight {
    std::string cluster;
    std::uint32_t weight = 1;
    std::shared_ptr<const MetadataValue> subset;  // instead of that of all
  };
  std::vector<Weight> weights;
  std::shared_ptr<const MetadataValue> subset;  // metadata_match: an object of what hosts must have; null: nothing
  DemandPtr demand;                             // for a cluster that is not here; null: such a connection ends
  Duration patience = std::chrono::minutes(1);
  stats::BlockHandle demand_stats;
  std::uint64_t total_weight = 0;
  std::optional<Duration> idle_timeout = std::chrono::hours(1);
  std::optional<Duration> max_connection_duration;
  double max_connection_duration_jitter = 0;  // at most, in percent
  std::uint32_t connect_attempts_max = 1;
  /// Between attempts; unset: none.
  struct Backoff {
    Duration base, max;
  };
  std::optional<Backoff> backoff;
  /// What is read before the upstream is there; unset: nothing.
  std::optional<std::uint32_t> early_bytes_max;
  enum Connect : std::uint8_t { at_once, on_data, on_tls_handshake } connect = at_once;
  bool check_drain_close = false;
  enum Hash : std::uint8_t { no_hash, source_ip, filter_state } hash = no_hash;
  std::string hash_key;  // of the filter state
  accesslog::AccessLogs access_logs;
  bool log_on_start = false, log_on_connected = false;
  std::optional<Duration> log_flush_interval;
  std::optional<TunnelConfig> tunnel;
  upstream::AddedTlvs tlvs;  // of PROXY headers to upstreams
  upstream::TlvMerge tlv_merge = upstream::TlvMerge::add_if_absent;
};

/// For clusters that choose hosts by it; none: the config names no hash, or the connection has nothing to make it of.
std::optional<std::uint64_t> hash_of(const TcpProxyConfig& config, const http::ConnectionInfo& info);
/// For each attempt: appended ones appear again, as in Envoy.
void add_tlvs(const TcpProxyConfig& config, http::ConnectionInfo& info, http::StreamInfo& stream);

class TcpProxyFactory final : public hcm::NetworkFilterFactory {
 public:
  explicit TcpProxyFactory(TcpProxyConfig config) : config_(std::make_shared<const TcpProxyConfig>(std::move(config))) {}
  std::unique_ptr<net::Connection> make(hcm::Worker& worker, std::unique_ptr<net::Transport> transport, http::ConnectionInfo info,
                                        const hcm::ListenerContext& listener, net::ConnectionOwner& owner) const override;
  void on_refused(hcm::Worker& worker, http::StreamInfo& stream, bool by_client) const override;

 private:
  std::shared_ptr<const TcpProxyConfig> config_;
};

}  // namespace outrigger::filters
