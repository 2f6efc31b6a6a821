// The filter buffer: a request goes on when it is whole, and is refused when it is too large. Envoy: buffer_filter.
#pragma once
#include <cstdint>
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"

namespace outrigger::filters {

/// Of the filter, or of a route in its place.
struct RequestBufferConfig : route::FilterPart {
  bool disabled = false;
  std::uint32_t bytes_max = 0;
};

class RequestBufferFactory final : public hcm::FilterFactory {
 public:
  explicit RequestBufferFactory(std::uint32_t bytes_max) { config_.bytes_max = bytes_max; }
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const RequestBufferConfig& config() const noexcept { return config_; }

 private:
  RequestBufferConfig config_;
};

}  // namespace outrigger::filters
