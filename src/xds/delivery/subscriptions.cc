#include "xds/delivery/subscriptions.h"

#include "xds/delivery/filters.h"
#include "xds/delivery/scopes.h"

namespace outrigger::xds {

void Subscriptions::collect(CompileContext& c, Uses& into) {
  c.subscribe_routes = [this, &into](const Rds& rds, const std::string& stat_prefix) {
    const auto used = routes_.get(rds, stat_prefix);
    into.routes.push_back(used);
    return used->source();
  };
  c.subscribe_scopes = [this, &into](const ScopedRoutes& scopes, const std::string& stat_prefix) {
    const auto used = scopes_.get(scopes, stat_prefix);
    into.routes.push_back(used);
    return used->source();
  };
  c.subscribe_filter = [this, &into](std::shared_ptr<const LateFilter> entry) {
    into.filters.push_back(filters_.use(std::move(entry)));
  };
}

}  // namespace outrigger::xds
