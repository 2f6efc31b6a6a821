// The filter on_demand: a request whose route wants a cluster that is not here is held while a control plane is asked
// for it, and goes on when it has come, or will not.
#pragma once
#include <memory>
#include "proxy/base/demand.h"
#include "proxy/hcm/filter.h"
#include "proxy/base/parking.h"
#include "proxy/route/route.h"

namespace outrigger::filters {

struct OnDemandConfig final : route::FilterPart {
  DemandPtr clusters;  // null: none are asked for
  Duration patience = std::chrono::seconds(5);
};

class OnDemandFactory final : public hcm::FilterFactory {
 public:
  explicit OnDemandFactory(std::shared_ptr<const OnDemandConfig> config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;

 private:
  std::shared_ptr<const OnDemandConfig> config_;
};

}  // namespace outrigger::filters
