// The fault filter: delays, aborts and response rate limits, by percentage, by header, by route.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "proxy/hcm/stream.h"
#include "proxy/route/matcher.h"
#include "proxy/route/route.h"
#include "proxy/stats/named_blocks.h"

namespace outrigger::filters {

/// Of one filter, over all workers.
struct FaultCounts {
  std::atomic<std::uint64_t> active{0};
};

struct FaultConfig : route::FilterPart {
  struct Delay {
    bool from_header = false;
    Duration fixed{0};
    runtime::FractionalPercent percent{0, runtime::Denominator::hundred};
  };
  struct Abort {
    bool from_header = false;
    std::optional<std::uint32_t> http_status, grpc_status;
    std::string body = "fault filter abort";
    runtime::FractionalPercent percent{0, runtime::Denominator::hundred};
  };
  struct RateLimit {
    bool from_header = false;
    std::uint64_t kbps = 0;
    runtime::FractionalPercent percent{0, runtime::Denominator::hundred};
  };
  std::optional<Delay> delay;
  std::optional<Abort> abort;
  std::optional<RateLimit> rate_limit;
  std::string upstream_cluster;
  std::vector<route::HeaderMatcher> headers;
  std::vector<std::string> downstream_nodes;
  std::optional<std::uint32_t> active_max;
  // Runtime keys; empty: Envoy's default key.
  std::string delay_percent_key = "fault.http.delay.fixed_delay_percent", abort_percent_key = "fault.http.abort.abort_percent",
              delay_duration_key = "fault.http.delay.fixed_duration_ms", abort_status_key = "fault.http.abort.http_status",
              abort_grpc_key = "fault.http.abort.grpc_status", active_max_key = "fault.http.max_active_faults",
              rate_limit_percent_key = "fault.http.rate_limit.response_percent";
  MetadataPtr metadata;  // for the stream, when there was a fault; null: none
  bool downstream_cluster_stats = true;
  stats::BlockHandle stats;                     // http.<prefix>.fault.
  stats::NamedBlocks* cluster_stats = nullptr;  // of the clients' clusters, below that
  std::shared_ptr<FaultCounts> counts;
};

class FaultFactory final : public hcm::FilterFactory {
 public:
  explicit FaultFactory(std::shared_ptr<const FaultConfig> config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;

 private:
  std::shared_ptr<const FaultConfig> config_;
};

}  // namespace outrigger::filters
