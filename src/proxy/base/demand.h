// Somebody who can be asked for what is not here.
#pragma once
#include <memory>
#include <string_view>
#include "proxy/base/time.h"

namespace outrigger {

/// Called on workers' threads; held by what they use. The answer comes to all workers, within the time where there is one.
class Demand {
 public:
  virtual ~Demand() = default;
  virtual void ask(std::string_view name, Duration patience) const = 0;
};
using DemandPtr = std::shared_ptr<const Demand>;

}  // namespace outrigger
