// How long a request may take: route, retry policy, x-envoy-* headers, grpc-timeout; and what of it
// the upstream is told.
#include <algorithm>

#include "filters/router.h"
#include "proxy/base/numbers.h"
#include "proxy/http/grpc_timeout.h"

namespace outrigger::filters {

using http::Name;

namespace {

std::optional<Duration> header_ms(http::HeaderMap& h, Name name) {
  const auto n = to_number<std::uint64_t>(h.get(name));
  if (!n) return {};
  return milliseconds_of(*n);
}
std::optional<Duration> take_ms(http::HeaderMap& h, Name name) {
  const auto ms = header_ms(h, name);
  h.remove(name);
  return ms;
}

}  // namespace

/// What the deprecated max_grpc_timeout makes of grpc-timeout; 0: no limit.
Duration Router::limited_grpc_timeout(std::optional<Duration> grpc) const {
  Duration t = grpc.value_or(Duration{0});
  const auto& rules = *route_->grpc_timeout;
  if (rules.offset && *rules.offset < t) t -= *rules.offset;
  const Duration most = *rules.max;
  return most.count() != 0 && (t.count() == 0 || t > most) ? most : t;
}

void Router::read_timeouts(http::RequestHead& head) {
  auto& h = head.headers;
  timeout_value_ = route_->timeout;
  if (route_->max_stream_duration.set())
    timeout_value_.reset();  // it takes the timeout's place
  else if (head.is_grpc() && route_->grpc_timeout->max)
    timeout_value_ = limited_grpc_timeout(http::parse_grpc_timeout(h.get(Name::grpc_timeout)));
  if (route_->retry != nullptr) per_try_value_ = route_->retry->per_try_timeout;
  if (config_.respect_expected_rq_timeout && h.has(Name::x_envoy_expected_rq_timeout_ms)) {
    if (const auto t = header_ms(h, Name::x_envoy_expected_rq_timeout_ms)) timeout_value_ = t;  // told on as it came
  } else if (const auto t = take_ms(h, Name::x_envoy_upstream_rq_timeout_ms)) {
    timeout_value_ = t;
  }
  if (const auto t = take_ms(h, Name::x_envoy_upstream_rq_per_try_timeout_ms)) per_try_value_ = t;
  if (timeout_value_ && timeout_value_->count() == 0) timeout_value_.reset();
  if (per_try_value_ && (per_try_value_->count() == 0 || (timeout_value_ && *per_try_value_ >= *timeout_value_)))
    per_try_value_.reset();
  alt_response_ = h.remove(Name::x_envoy_upstream_rq_timeout_alt_response) > 0;
  if (const auto name = h.get(Name::x_envoy_upstream_alt_stat_name); !name.empty()) alt_stats_ = cluster_->alt_stats(name);
  h.remove(Name::x_envoy_upstream_alt_stat_name);
  hedge_ = route_->hedge.on_per_try_timeout;
  if (const auto* e = h.find(Name::x_envoy_hedge_on_per_try_timeout)) {
    hedge_ = e->value == "true";
    h.remove(Name::x_envoy_hedge_on_per_try_timeout);
  }
}

/// Tells the upstream how long it has: what is left of the route's timeout, or one try's.
void Router::tell_timeout() {
  const auto timeout = hedge_ || !per_try_value_ ? timeout_value_ : per_try_value_;
  if (!timeout) return;
  auto expected = *timeout;
  if (timeout_value_ && request_end_at_ != TimePoint{})
    expected = std::min(expected, *timeout_value_ - (stream_.thread().loop.now() - request_end_at_));
  expected = std::max(expected, Duration(std::chrono::milliseconds(1)));  // 0 would be no limit
  auto& head = stream_.request();
  if (!config_.suppress_envoy_headers)
    head.headers.set(Name::x_envoy_expected_rq_timeout_ms,
                     decimal(static_cast<std::uint64_t>(expected.count() / 1000), stream_.arena()));
  if (head.is_grpc() && !route_->max_stream_duration.set() && route_->grpc_timeout->max)
    head.headers.set(Name::grpc_timeout, http::format_grpc_timeout(expected, stream_.arena()));
}

}  // namespace outrigger::filters
