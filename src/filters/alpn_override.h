// The filter istio.alpn: which protocols connections to an upstream offer, by the HTTP version that is spoken to it, so that
// an Istio proxy there knows what comes. Not for clusters whose metadata has istio.alpn_override "false".
#pragma once
#include <array>
#include <memory>
#include <string>
#include "proxy/hcm/filter.h"

namespace outrigger::filters {

/// Names with commas, for HTTP/1.0, HTTP/1.1 and HTTP/2; empty: as the cluster has it.
using AlpnOverrides = std::array<std::string, 3>;

class AlpnOverrideFactory final : public hcm::FilterFactory {
 public:
  explicit AlpnOverrideFactory(AlpnOverrides names) : names_(std::move(names)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;

 private:
  AlpnOverrides names_;
};

}  // namespace outrigger::filters
