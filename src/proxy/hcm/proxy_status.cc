#include "proxy/hcm/proxy_status.h"

namespace outrigger::hcm {

using http::Flag;

namespace {

struct Error {
  std::string_view name;
  std::uint16_t status;  // recommended; 0: any
};
constexpr Error kUnavailable{"destination_unavailable", 503};
constexpr Error kResponseTimeout{"http_response_timeout", 504};
constexpr Error kConnectionTimeout{"connection_timeout", 504};
constexpr Error kTerminated{"connection_terminated", 502};
constexpr Error kRefused{"connection_refused", 502};
constexpr Error kLimit{"connection_limit_reached", 503};
constexpr Error kRequestError{"http_request_error", 0};

struct Row {
  Flag flag;
  Error error;
};
/// The first flag that is set counts.
constexpr Row kErrors[] = {
    {Flag::failed_local_health_check, kUnavailable},
    {Flag::no_healthy_upstream, kUnavailable},
    {Flag::upstream_request_timeout, kResponseTimeout},
    {Flag::duration_timeout, kConnectionTimeout},
    {Flag::local_reset, kConnectionTimeout},
    {Flag::upstream_remote_reset, kTerminated},
    {Flag::upstream_connection_failure, kRefused},
    {Flag::upstream_connection_termination, kTerminated},
    {Flag::upstream_overflow, kLimit},
    {Flag::no_route_found, {"destination_not_found", 500}},
    {Flag::rate_limited, kLimit},
    {Flag::rate_limit_service_error, kLimit},
    {Flag::upstream_retry_limit_exceeded, kUnavailable},
    {Flag::stream_idle_timeout, kResponseTimeout},
    {Flag::invalid_envoy_request_headers, kRequestError},
    {Flag::upstream_max_stream_duration_reached, kResponseTimeout},
    {Flag::upstream_protocol_error, {"http_protocol_error", 502}},
    {Flag::no_cluster_found, kUnavailable},
    {Flag::fault_injected, kRequestError},
};

const Error* error_of(const http::ResponseFlags& flags) noexcept {
  for (const auto& row : kErrors)
    if (flags.has(row.flag)) return &row.error;
  return nullptr;
}

}  // namespace

void add_proxy_status(const ProxyStatusConfig& config, const http::StreamInfo& info, http::ResponseHead& head) {
  const Error* error = error_of(info.flags);
  if (error == nullptr) return;
  if (config.recommended_code && error->status != 0) head.status = error->status;
  thread_local std::string text;
  text.assign(config.name).append("; error=").append(error->name);
  if (config.details && !info.details.empty()) {
    text.append("; details=\"").append(info.details);
    if (config.termination_details && !info.connection->termination_details.empty())
      text.append("; ").append(info.connection->termination_details);
    if (config.flags) {
      text.append("; ");
      info.flags.append_short(text);
    }
    text.push_back('"');
  }
  head.headers.append("proxy-status", head.headers.arena().copy(text));
}

}  // namespace outrigger::hcm
