// What a stream may take: idle time and duration, of the manager and of the route.
#include "proxy/hcm/stream.h"
#include "proxy/http/grpc_timeout.h"

namespace outrigger::hcm {

using http::Name;

namespace {
/// The client's own limit, as far as the route lets it count.
Duration limited(Duration grpc, const route::MaxStreamDuration& m) {
  if (m.grpc_timeout_max->count() != 0 && grpc > *m.grpc_timeout_max) grpc = *m.grpc_timeout_max;
  if (grpc.count() == 0 || !m.grpc_timeout_offset) return grpc;
  return std::max(grpc - *m.grpc_timeout_offset, Duration{0});
}
}  // namespace

/// Called when the route is known. A gRPC upstream is told the limit.
void Stream::apply_route_limits() {
  const auto* r = route();
  if (r == nullptr || r->kind != route::Route::forward) return;
  if (r->idle_timeout) set_idle_timeout(r->idle_timeout);
  const auto& m = r->max_stream_duration;
  const auto grpc = http::parse_grpc_timeout(request_->headers.get(Name::grpc_timeout));
  std::optional<Duration> limit = m->max ? m->max : config_->max_stream_duration;
  if (grpc && m->grpc_timeout_max)
    limit = limited(*grpc, *m);
  else if (!limit || limit->count() == 0)
    return max_duration_.cancel();
  if (m.set() && request_->is_grpc()) request_->headers.set(Name::grpc_timeout, http::format_grpc_timeout(*limit, arena_));
  max_duration_.arm(std::max(*limit - (worker_.thread.loop.now() - info_.start), Duration{0}));
}

}  // namespace outrigger::hcm
