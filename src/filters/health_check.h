// The filter health_check: answers load balancers that ask whether this proxy is well, or remembers what the upstream answers
// them; tells all others when the server was told to fail. Envoy: health_check.
#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include "proxy/base/time.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/matcher.h"

namespace outrigger::filters {

/// The last answer to a check, forgotten at every tick of a clock that begins with the first check. Shared by workers.
class HealthAnswers {
 public:
  struct Answer {
    std::uint16_t status = 200;
    bool degraded = false;
  };
  /// `period`: at least a millisecond.
  explicit HealthAnswers(Duration period) noexcept : period_(period) {}
  std::optional<Answer> find(TimePoint now) const noexcept;
  void put(Answer a, TimePoint now) noexcept;

 private:
  std::uint64_t tick_of(TimePoint now) const noexcept;
  Duration period_;
  mutable std::atomic<std::int64_t> began_us_{0};  // 0: not yet
  std::atomic<std::uint64_t> last_{0};             // the tick after that of the answer, its status, is it degraded; 0: none
};

struct HealthCheckConfig {
  bool pass_through = false;
  std::vector<route::HeaderMatcher> headers;  // all of them: the request is a check
  std::unique_ptr<HealthAnswers> answers;     // null: nothing is remembered
  /// What of a cluster's members must be healthy or degraded, in percent; by name.
  std::vector<std::pair<std::string, std::uint32_t>> shares;
  std::string cluster;  // which this proxy is of
};

class HealthCheckFactory final : public hcm::FilterFactory {
 public:
  explicit HealthCheckFactory(HealthCheckConfig config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const HealthCheckConfig& config() const noexcept { return config_; }

 private:
  HealthCheckConfig config_;
};

}  // namespace outrigger::filters
