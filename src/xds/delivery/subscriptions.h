// What a config asks for while it is compiled, and holds as long as it is there: routes, scopes of routes, configs of filters.
// Main thread; owned by Delivery.
#pragma once
#include <memory>
#include <vector>
#include "xds/compile/context.h"

namespace outrigger::xds {

class FilterDeliveries;
class FilterUse;
class RouteDeliveries;
class RouteUse;
class ScopeDeliveries;

struct Uses {
  std::vector<std::shared_ptr<RouteUse>> routes;
  std::vector<std::shared_ptr<FilterUse>> filters;
};

class Subscriptions {
 public:
  Subscriptions(RouteDeliveries& routes, ScopeDeliveries& scopes, FilterDeliveries& filters) noexcept
      : routes_(routes), scopes_(scopes), filters_(filters) {}
  /// What is asked for by configs that are compiled with `c` goes into `into`, which has to be there as long as `c`.
  void collect(CompileContext& c, Uses& into);

 private:
  RouteDeliveries& routes_;
  ScopeDeliveries& scopes_;
  FilterDeliveries& filters_;
};

}  // namespace outrigger::xds
