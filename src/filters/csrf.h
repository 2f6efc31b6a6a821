// The filter csrf: requests that change something must come from a page of the same origin, or of one that the config names.
// Envoy: csrf_filter.
#pragma once
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"
#include "proxy/route/string_matcher.h"
#include "proxy/stats/names.h"

namespace outrigger::filters {

/// Below "http.<prefix>.csrf.".
enum class CsrfStat : std::uint16_t { missing_source_origin, request_invalid, request_valid };

inline stats::BlockDef block_def(CsrfStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {
      {Kind::counter, "missing_source_origin"}, {Kind::counter, "request_invalid"}, {Kind::counter, "request_valid"}};
  return {kStats, {}};
}

/// Of the filter, or of a route in its place.
struct CsrfPolicy : route::FilterPart {
  runtime::RuntimePercent enabled;
  std::optional<runtime::RuntimePercent> shadow;
  std::vector<route::StringMatcher> additional_origins;
};

/// The host and port of an origin or URL as it is written; all of the text when it is no URL.
std::string_view host_and_port(std::string_view text) noexcept;

class CsrfFactory final : public hcm::FilterFactory {
 public:
  CsrfFactory(std::shared_ptr<const CsrfPolicy> policy, stats::BlockHandle stats) : policy_(std::move(policy)), stats_(stats) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const CsrfPolicy& policy() const noexcept { return *policy_; }
  stats::BlockHandle stats() const noexcept { return stats_; }

 private:
  std::shared_ptr<const CsrfPolicy> policy_;
  stats::BlockHandle stats_;
};

}  // namespace outrigger::filters
