// RTDS: one layer of the runtime, as a config source tells it. Main thread; owned by Delivery.
#pragma once
#include <functional>
#include <string>
#include "xds/delivery/context.h"

namespace outrigger::xds {

class RuntimeDelivery final : private WatchEvents {
 public:
  struct Config {
    std::size_t index = 0;  // among the layers
    std::string name;       // of the resource
    ConfigSource source;
  };
  RuntimeDelivery(const DeliveryContext& c, Config config);
  /// Did the values come (good or bad), or was the wait for them given up?
  bool settled() const noexcept { return settled_; }
  /// Called once they did.
  void on_progress(std::function<void()> f) { told_ = std::move(f); }
  const std::string& name() const noexcept { return config_.name; }

 private:
  Result<void> on_update(const Update& u) override;
  void on_fetch_timeout() override { settle(); }
  Result<void> take(const Update& u);
  void settle();
  const DeliveryContext& c_;
  Config config_;
  bool settled_ = false;
  std::function<void()> told_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace outrigger::xds
