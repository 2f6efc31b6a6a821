// Response flags of access logs: Envoy's short and long names, printed in the order they were set.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace outrigger::http {

// X(identifier, short, long)
#define OUTRIGGER_RESPONSE_FLAGS(X)                                                    \
  X(failed_local_health_check, "LH", "FailedLocalHealthCheck")                         \
  X(no_healthy_upstream, "UH", "NoHealthyUpstream")                                    \
  X(upstream_request_timeout, "UT", "UpstreamRequestTimeout")                          \
  X(local_reset, "LR", "LocalReset")                                                   \
  X(upstream_remote_reset, "UR", "UpstreamRemoteReset")                                \
  X(upstream_connection_failure, "UF", "UpstreamConnectionFailure")                    \
  X(upstream_connection_termination, "UC", "UpstreamConnectionTermination")            \
  X(upstream_overflow, "UO", "UpstreamOverflow")                                       \
  X(no_route_found, "NR", "NoRouteFound")                                              \
  X(delay_injected, "DI", "DelayInjected")                                             \
  X(fault_injected, "FI", "FaultInjected")                                             \
  X(rate_limited, "RL", "RateLimited")                                                 \
  X(unauthorized_external_service, "UAEX", "UnauthorizedExternalService")              \
  X(rate_limit_service_error, "RLSE", "RateLimitServiceError")                         \
  X(downstream_connection_termination, "DC", "DownstreamConnectionTermination")        \
  X(upstream_retry_limit_exceeded, "URX", "UpstreamRetryLimitExceeded")                \
  X(stream_idle_timeout, "SI", "StreamIdleTimeout")                                    \
  X(invalid_envoy_request_headers, "IH", "InvalidEnvoyRequestHeaders")                 \
  X(downstream_protocol_error, "DPE", "DownstreamProtocolError")                       \
  X(upstream_max_stream_duration_reached, "UMSDR", "UpstreamMaxStreamDurationReached") \
  X(response_from_cache_filter, "RFCF", "ResponseFromCacheFilter")                     \
  X(no_filter_config_found, "NFCF", "NoFilterConfigFound")                             \
  X(duration_timeout, "DT", "DurationTimeout")                                         \
  X(upstream_protocol_error, "UPE", "UpstreamProtocolError")                           \
  X(no_cluster_found, "NC", "NoClusterFound")                                          \
  X(overload_manager, "OM", "OverloadManagerTerminated")                               \
  X(dns_resolution_failed, "DF", "DnsResolutionFailed")                                \
  X(drop_overload, "DO", "DropOverload")                                               \
  X(downstream_remote_reset, "DR", "DownstreamRemoteReset")                            \
  X(unconditional_drop_overload, "UDO", "UnconditionalDropOverload")

enum class Flag : std::uint8_t {
#define X(id, s, l) id,
  OUTRIGGER_RESPONSE_FLAGS(X)
#undef X
      kCount
};

class ResponseFlags {
 public:
  void set(Flag f) noexcept {
    if (has(f)) return;
    bits_ |= 1u << static_cast<unsigned>(f);
    if (count_ < sizeof(order_)) order_[count_++] = f;
  }
  bool has(Flag f) const noexcept { return (bits_ >> static_cast<unsigned>(f) & 1u) != 0; }
  bool any() const noexcept { return bits_ != 0; }
  std::uint32_t bits() const noexcept { return bits_; }
  /// "UF,URX"; "-" when none.
  void append_short(std::string& out) const;
  void append_long(std::string& out) const;
  static bool parse_short(std::string_view text, Flag& out) noexcept;

 private:
  template <class F>
  void append(std::string& out, F text) const;
  std::uint32_t bits_ = 0;
  std::uint8_t count_ = 0;
  Flag order_[11] = {};  // more never meet in one stream
};

}  // namespace outrigger::http
