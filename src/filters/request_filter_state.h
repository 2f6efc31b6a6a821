// The HTTP filter set_filter_state: values into the filter state of a request when its head is there, of the filter's own
// config and then of the route's, from the table of routes to the nearest.
#pragma once
#include <memory>
#include "proxy/format/filter_state_rule.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"

namespace outrigger::filters {

struct RequestFilterState : route::FilterPart {
  format::FilterStateRules rules;
  bool clear_route_cache = false;  // of the filter's own config alone
};

class RequestFilterStateFactory final : public hcm::FilterFactory {
 public:
  explicit RequestFilterStateFactory(RequestFilterState config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const RequestFilterState& config() const noexcept { return config_; }

 private:
  RequestFilterState config_;
};

}  // namespace outrigger::filters
