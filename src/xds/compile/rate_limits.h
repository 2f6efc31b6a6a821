// Rate limits of routes, virtual hosts and filters: what a request is described by. Main thread.
#pragma once
#include "envoy/config/route/v3/route_components.pb.h"
#include "proxy/route/rate_limit.h"
#include "xds/problems.h"

namespace outrigger::xds {

using RateLimits = google::protobuf::RepeatedPtrField<envoy::config::route::v3::RateLimit>;

/// Of a route or virtual host; `at` is what has them.
route::RateLimitRules compile_rate_limits(const RateLimits& list, const Path& at, Problems& problems);
/// Of a filter, which takes less of some fields and more of others.
route::RateLimitRules compile_own_rate_limits(const RateLimits& list, const Path& at, Problems& problems);

}  // namespace outrigger::xds
