// A demand of workers that a delivery on the main thread answers. What workers hold may outlive the delivery.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include "proxy/base/demand.h"
#include "proxy/event/loop.h"

namespace outrigger::xds {

/// Calls `ask(owner, name, patience)` on the main thread, as long as the owner is there.
template <class Owner, class Ask>
class PostedDemand final : public Demand {
 public:
  PostedDemand(event::Loop& main, std::weak_ptr<Owner> of, Ask ask) : main_(main), of_(std::move(of)), ask_(ask) {}
  void ask(std::string_view name, Duration patience) const override {
    main_.post([of = of_, ask = ask_, name = std::string(name), patience] {
      if (const auto owner = of.lock()) ask(*owner, name, patience);
    });
  }

 private:
  event::Loop& main_;
  std::weak_ptr<Owner> of_;
  Ask ask_;
};

template <class Owner, class Ask>
DemandPtr posted_demand(event::Loop& main, std::weak_ptr<Owner> of, Ask ask) {
  return std::make_shared<PostedDemand<Owner, Ask>>(main, std::move(of), ask);
}

}  // namespace outrigger::xds
