// The filter bandwidth_limit: bodies pass at a rate that all requests of a config share. Envoy: bandwidth_limit.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include "filters/byte_bucket.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"
#include "proxy/runtime/runtime.h"
#include "proxy/stats/names.h"

namespace outrigger::filters {

/// Below "<stat_prefix>.http_bandwidth_limit.".
enum class BandwidthStat : std::uint16_t {
  request_enabled,
  response_enabled,
  request_enforced,
  response_enforced,
  request_pending,
  response_pending,
  request_incoming_size,
  response_incoming_size,
  request_allowed_size,
  response_allowed_size,
  request_incoming_total_size,
  response_incoming_total_size,
  request_allowed_total_size,
  response_allowed_total_size,
  request_transfer_duration,
  response_transfer_duration,
};
stats::BlockDef block_def(BandwidthStat);

/// What all threads share.
struct BandwidthShared {
  explicit BandwidthShared(std::uint64_t bytes_per_second) : bucket(bytes_per_second) {}
  ByteBucket bucket;
  struct Direction {
    std::atomic<std::uint64_t> incoming{0}, allowed{0};  // the latest: what the gauges show
  } request, response;
};

/// Of the filter, or of a route in its place.
struct BandwidthLimitConfig : route::FilterPart {
  bool requests = false, responses = false;
  Duration fill_interval = std::chrono::milliseconds(50);
  runtime::RuntimeBool enabled{"", true};
  bool tells = false;  // by trailers of responses, whose names have the prefix
  std::string request_delay, response_delay, request_filter_delay, response_filter_delay;
  std::shared_ptr<BandwidthShared> shared;
  stats::BlockHandle stats;
};

class BandwidthLimitFactory final : public hcm::FilterFactory {
 public:
  explicit BandwidthLimitFactory(std::shared_ptr<const BandwidthLimitConfig> config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const BandwidthLimitConfig& config() const noexcept { return *config_; }

 private:
  std::shared_ptr<const BandwidthLimitConfig> config_;
};

}  // namespace outrigger::filters
