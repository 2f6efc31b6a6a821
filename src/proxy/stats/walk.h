// Walk: all stats of a Registry in the order of their names, as Envoy lists them. Main thread; the
// Registry must not gain or lose blocks during a walk.
#pragma once
#include <functional>
#include <string_view>

#include "proxy/stats/stats.h"

namespace outrigger::stats {

class Walk {
 public:
  enum Select : unsigned { counters = 1, gauges = 2, histograms = 4 };

  explicit Walk(const Registry& registry) : registry_(registry) {}

  /// Calls `f` for each stat of the selected kinds. A view and its suffix are valid in the call
  /// only; the prefix as long as its block.
  void each(unsigned select, const std::function<void(const StatView&)>& f) const;
  void each_readout(const std::function<void(std::string_view name, std::string_view value, bool used)>& f) const;

 private:
  const Registry& registry_;
};

}  // namespace outrigger::stats
