// The filter ratelimit: a service is asked over gRPC whether the limits that a request comes under leave room for it.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include "filters/authorization.h"
#include "filters/cluster_counters.h"
#include "filters/rate_limit_rules.h"
#include "filters/side_call.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"

namespace outrigger::filters {

struct LimitQuestion {
  std::string_view domain;
  Descriptors descriptors;
};

struct LimitAnswer {
  enum Verdict : std::uint8_t { error, over_limit, ok } verdict = error;
  struct Field {
    std::string_view name, value;  // name: lower case
  };
  /// What is left of the limit of one descriptor.
  struct Status {
    std::uint32_t per_unit = 0, window = 0, left = 0;  // window: seconds
    std::uint64_t reset = 0;                           // seconds
    std::string_view name;
    std::size_t descriptor = 0;  // which of those that were asked about
  };
  Chain<Field> response, request;
  Chain<Status> statuses;  // of descriptors that have a limit
  std::string_view body;
  std::optional<std::uint64_t> over_for;  // seconds until no descriptor is over its limit; unset: none is
  MetadataValue metadata;
};

inline constexpr std::string_view kRateLimitPath = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";
/// The messages of envoy.service.ratelimit.v3, as bytes.
struct RateLimitMessages {
  void (*encode)(const LimitQuestion& question, std::string& out);
  /// False: it is none.
  bool (*decode)(std::string_view bytes, Arena& arena, LimitAnswer& out);
};

/// Below "cluster.<that of the route>.ratelimit.".
enum class RateLimitStat : std::uint16_t { ok, over_limit, error, failure_mode_allowed };
inline stats::BlockDef block_def(RateLimitStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {
      {Kind::counter, "ok"}, {Kind::counter, "over_limit"}, {Kind::counter, "error"}, {Kind::counter, "failure_mode_allowed"}};
  return {kStats, {}};
}

/// Of a filter's own. None: those of the route and its virtual host hold.
struct RateLimitRuleSet {
  route::RateLimitRules at_begin, at_end;  // of the stream
  bool empty() const noexcept { return at_begin.empty() && at_end.empty(); }
};

struct RateLimitConfig {
  GrpcTarget service;
  const RateLimitMessages* messages = nullptr;
  std::string domain, local_cluster;
  std::uint32_t stage = 0;
  runtime::RuntimePercent enabled{"ratelimit.http_filter_enabled"}, enforced{"ratelimit.http_filter_enforcing"};
  RateLimitRuleSet rules;
  enum Requests : std::uint8_t { both, internal_only, external_only } requests = both;
  runtime::RuntimePercent deny_on_failure;
  std::uint16_t status = 429, status_on_error = 500;
  std::optional<std::uint32_t> grpc_status;
  bool tells_limits = false, tells_limited = true, tells_retry_after = false;  // x-ratelimit-*, x-envoy-ratelimited, retry-after
  std::string metadata_space = "envoy.filters.http.ratelimit";
  route::HeaderMutations response_mutations;
  ClusterCounters<RateLimitStat> stats;
};

struct RateLimitPerRoute : route::FilterPart {
  VirtualHostLimits vhost_limits = VirtualHostLimits::if_route_has_none;
  std::string domain;      // empty: the filter's
  RateLimitRuleSet rules;  // none: the filter's
};

class RateLimitFactory final : public hcm::FilterFactory {
 public:
  explicit RateLimitFactory(std::shared_ptr<const RateLimitConfig> config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const RateLimitConfig& config() const noexcept { return *config_; }

 private:
  std::shared_ptr<const RateLimitConfig> config_;
};

}  // namespace outrigger::filters
