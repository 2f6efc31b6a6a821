// The network filter ratelimit: when a connection begins, a service is asked over gRPC whether its limits leave room for it.
#pragma once
#include <memory>
#include <string>
#include <vector>
#include "filters/connection_filters.h"
#include "filters/global_rate_limit.h"

namespace outrigger::filters {

/// Below "ratelimit.<prefix>.".
enum class NetworkLimitStat : std::uint16_t { cx_closed, error, failure_mode_allowed, ok, over_limit, total, active };
stats::BlockDef block_def(NetworkLimitStat);

class NetworkLimit final : public ConnectionFilter {
 public:
  struct Entry {
    std::string key;
    std::shared_ptr<const format::TextFormat> value;
  };
  struct Config {
    GrpcTarget service;
    const RateLimitMessages* messages = nullptr;
    std::string domain, local_address;
    std::vector<std::vector<Entry>> descriptors;
    bool deny_on_failure = false;
    stats::BlockHandle stats;
  };
  explicit NetworkLimit(Config config) : config_(std::make_shared<const Config>(std::move(config))) {}
  Verdict on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const override;

 private:
  std::shared_ptr<const Config> config_;
};

}  // namespace outrigger::filters
