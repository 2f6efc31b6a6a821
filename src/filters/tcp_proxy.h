// tcp_proxy: bytes both ways between a downstream connection and a host of a cluster. One object
// per connection, owned by its listener, on one worker.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "proxy/accesslog/access_log.h"
#include "proxy/hcm/network_filter.h"
#include "proxy/upstream/cluster.h"

namespace outrigger::filters {

struct TcpProxyConfig {
  std::string stat_prefix;
  stats::BlockHandle stats;  // tcp.<prefix>.
  std::string cluster;
  struct Weight {
    std::string cluster;
    std::uint32_t weight = 1;
  };
  std::vector<Weight> weights;
  std::uint64_t total_weight = 0;
  std::optional<Duration> idle_timeout = std::chrono::hours(1);
  std::optional<Duration> max_connection_duration;
  std::uint32_t connect_attempts_max = 1;
  bool hash_source_ip = false;
  accesslog::AccessLogs access_logs;
};

class TcpProxyFactory final : public hcm::NetworkFilterFactory {
 public:
  explicit TcpProxyFactory(TcpProxyConfig config) : config_(std::make_shared<const TcpProxyConfig>(std::move(config))) {}
  std::unique_ptr<net::Connection> make(hcm::Worker& worker, std::unique_ptr<net::Transport> transport, http::ConnectionInfo info,
                                        const hcm::ListenerContext& listener, net::ConnectionOwner& owner) const override;

 private:
  std::shared_ptr<const TcpProxyConfig> config_;
};

}  // namespace outrigger::filters
