// The filter cors: answers preflights of origins that a route allows, and tells browsers what they may read of responses.
// Which origins, methods and headers is config of routes.
#pragma once
#include <optional>
#include <vector>
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"
#include "proxy/route/string_matcher.h"

namespace outrigger::filters {

/// Of a virtual host or route. What is unset is that of the next that is less specific.
struct CorsPolicy : route::FilterPart {
  std::vector<route::StringMatcher> origins;
  std::string methods, headers, exposed, max_age;
  std::optional<bool> credentials, private_network, forward_other_preflights;
  std::optional<runtime::RuntimePercent> enabled, shadow;
};

class CorsFactory final : public hcm::FilterFactory {
 public:
  explicit CorsFactory(stats::BlockHandle stats) : stats_(stats) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  stats::BlockHandle stats() const noexcept { return stats_; }

 private:
  stats::BlockHandle stats_;
};

}  // namespace outrigger::filters
