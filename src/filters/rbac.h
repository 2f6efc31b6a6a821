// The HTTP filter rbac: requests that its rules, or those of the route, deny are answered with 403.
#pragma once
#include <memory>
#include <string>
#include "filters/rbac_rules.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"
#include "proxy/stats/named_blocks.h"
#include "proxy/stats/stats.h"

namespace outrigger::filters {

inline constexpr std::string_view kRbacSpace = "envoy.filters.http.rbac";

/// Of the filter, or of a route in its place. Null: there are no such rules.
struct RbacConfig : route::FilterPart {
  std::shared_ptr<const RbacRules> rules, shadow;
  std::string prefix, shadow_prefix;  // of names in metadata; a route without one has that of the filter
  bool count_policies = false;
};

/// Of enforced or of shadow rules: below "http.<prefix>.rbac.".
struct RbacStats {
  static RbacStats make(stats::Registry& registry, const std::string& prefix, bool shadow);
  void count(const RbacOutcome& o, bool policy_too, stats::Cells& cells) const;
  stats::BlockHandle all;
  stats::NamedBlocks* allowed = nullptr;  // by policy
  stats::NamedBlocks* denied = nullptr;
};

class RbacFactory final : public hcm::FilterFactory {
 public:
  RbacFactory(RbacConfig config, RbacStats stats, RbacStats shadow_stats)
      : config_(std::move(config)), stats_(stats), shadow_stats_(shadow_stats) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const RbacConfig& config() const noexcept { return config_; }
  const RbacStats& stats(bool shadow) const noexcept { return shadow ? shadow_stats_ : stats_; }

 private:
  RbacConfig config_;
  RbacStats stats_, shadow_stats_;
};

}  // namespace outrigger::filters
