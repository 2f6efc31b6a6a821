// The filter local_ratelimit: answers requests that find their bucket empty with 429. The nearest config of the route, else the
// filter's own, says what the buckets are.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include "filters/rate_limit_rules.h"
#include "filters/rate_limiter.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/header_mutation.h"
#include "proxy/route/route.h"

namespace outrigger::filters {

struct LocalRateLimitConfig : route::FilterPart {
  std::shared_ptr<const LimitSpec> limit;
  std::shared_ptr<RateLimiter> limiter;  // null: each connection has one
  std::uint16_t status = 429;
  std::optional<std::uint32_t> grpc_status;
  std::optional<runtime::RuntimePercent> enabled, enforced;  // unset: never
  route::HeaderMutations response_mutations, request_mutations;
  std::uint32_t stage = 0;
  VirtualHostLimits vhost_limits = VirtualHostLimits::if_route_has_none;
  route::RateLimitRules rules;  // empty: the route's
  bool tells = false;           // x-ratelimit-*
  bool tells_retry_after = false;
  std::string local_cluster;
  stats::BlockHandle stats;  // <prefix>.http_local_rate_limit.
};

class LocalRateLimitFactory final : public hcm::FilterFactory {
 public:
  explicit LocalRateLimitFactory(std::shared_ptr<const LocalRateLimitConfig> config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const LocalRateLimitConfig& config() const noexcept { return *config_; }

 private:
  std::shared_ptr<const LocalRateLimitConfig> config_;
};

}  // namespace outrigger::filters
