// The stats of a config that may go: what is instantiated while a Recording is open belongs to a Lease, which the
// config holds. When the last that uses the config is gone, on whichever thread, main releases the blocks.
#pragma once
#include <memory>
#include <vector>
#include "proxy/stats/stats.h"

namespace outrigger::stats {

class Lease {
 public:
  Lease(Registry& registry, Holdings held) : registry_(registry), held_(std::move(held)) {}
  ~Lease() { registry_.give_back(std::move(held_)); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

 private:
  Registry& registry_;
  Holdings held_;
};
using LeasePtr = std::shared_ptr<const Lease>;

/// Main thread. Of several that are open the innermost takes what is instantiated.
class Recording {
 public:
  explicit Recording(Registry& registry) : registry_(registry), outer_(registry.record(&held_)) {}
  ~Recording() { registry_.record(outer_); }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  bool empty() const noexcept { return held_.blocks.empty() && held_.readouts.empty(); }
  /// What was instantiated until now.
  LeasePtr take() { return std::make_shared<const Lease>(registry_, std::exchange(held_, {})); }

 private:
  Registry& registry_;
  Holdings held_;
  Holdings* outer_;
};

}  // namespace outrigger::stats
