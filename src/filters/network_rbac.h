// The network filter rbac: a connection that its rules deny is closed when its first bytes are there.
#pragma once
#include <memory>
#include "filters/connection_filters.h"
#include "filters/rbac.h"

namespace outrigger::filters {

inline constexpr std::string_view kNetworkRbacSpace = "envoy.filters.network.rbac";

class NetworkRbac final : public ConnectionFilter {
 public:
  struct Config {
    std::shared_ptr<const RbacRules> rules, shadow;  // null: there are none
    RbacStats stats, shadow_stats;
  };
  explicit NetworkRbac(Config config) : config_(std::make_shared<const Config>(std::move(config))) {}
  Verdict on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const override;

 private:
  std::shared_ptr<const Config> config_;
};

}  // namespace outrigger::filters
