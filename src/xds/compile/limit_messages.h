// The messages of envoy.service.ratelimit.v3: a request made of descriptors, an answer read. Worker's thread.
#pragma once
#include "filters/global_rate_limit.h"

namespace outrigger::xds {

/// Lives for ever.
const filters::RateLimitMessages& rate_limit_messages();

}  // namespace outrigger::xds
