// Rate limits of routes, virtual hosts and filters: what a request is described by. Main thread.
#pragma once
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/common/ratelimit/v3/ratelimit.pb.h"
#include "filters/global_rate_limit.h"
#include "filters/rate_limit_rules.h"
#include "xds/problems.h"

namespace outrigger::xds {

using RateLimits = google::protobuf::RepeatedPtrField<envoy::config::route::v3::RateLimit>;

/// Of a route or virtual host; `at` is what has them.
route::RateLimitRules compile_rate_limits(const RateLimits& list, const Path& at, Problems& problems);
/// Of a filter, which takes less of some fields and more of others.
route::RateLimitRules compile_own_rate_limits(const RateLimits& list, const Path& at, Problems& problems);
/// Of a filter that acts at the end of a stream, too.
filters::RateLimitRuleSet compile_rate_limit_set(const RateLimits& list, const Path& at, Problems& problems);

/// Of the filters' vh_rate_limits: of whichever enumeration, the names stand for the same.
template <class Option>
filters::VirtualHostLimits to_virtual_host_limits(Option o) {
  switch (static_cast<int>(o)) {
    case envoy::extensions::common::ratelimit::v3::INCLUDE: return filters::VirtualHostLimits::included;
    case envoy::extensions::common::ratelimit::v3::IGNORE: return filters::VirtualHostLimits::ignored;
    default: return filters::VirtualHostLimits::if_route_has_none;
  }
}

}  // namespace outrigger::xds
