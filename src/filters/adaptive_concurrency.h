// The filter adaptive_concurrency: requests above a limit are refused, which follows from how long answers take. Envoy:
// adaptive_concurrency_filter.
#pragma once
#include <cstdint>
#include <memory>
#include <utility>
#include "filters/gradient_controller.h"
#include "proxy/hcm/filter.h"

namespace outrigger::filters {

class AdaptiveConcurrencyFactory final : public hcm::FilterFactory {
 public:
  AdaptiveConcurrencyFactory(std::unique_ptr<GradientController> controller, runtime::RuntimeBool enabled, std::uint16_t status)
      : controller_(std::move(controller)), enabled_(std::move(enabled)), status_(status) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  GradientController& controller() const noexcept { return *controller_; }
  const runtime::RuntimeBool& enabled() const noexcept { return enabled_; }
  std::uint16_t status() const noexcept { return status_; }

 private:
  std::unique_ptr<GradientController> controller_;  // of all workers
  runtime::RuntimeBool enabled_;
  std::uint16_t status_;  // of what is refused
};

}  // namespace outrigger::filters
