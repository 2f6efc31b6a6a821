// A route configuration that changes while it is in use (RDS).
#pragma once
#include "proxy/hcm/late.h"
#include "proxy/route/route.h"

namespace outrigger::hcm {

class RouteSource final : public Late<route::RouteConfig> {
 public:
  using Late::Late;
};

}  // namespace outrigger::hcm
