// The filter admission_control: when too many requests fail, some of those that come are turned away, the more the more fail.
// Each worker goes by what it has seen itself. Envoy: admission_control_filter.
#pragma once
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>
#include "proxy/base/time.h"
#include "proxy/hcm/filter.h"
#include "proxy/runtime/runtime.h"
#include "proxy/stats/names.h"

namespace outrigger::filters {

/// Below "http.<prefix>.admission_control.".
enum class AdmissionStat : std::uint16_t { rq_failure, rq_rejected, rq_success };

inline stats::BlockDef block_def(AdmissionStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {
      {Kind::counter, "rq_failure"}, {Kind::counter, "rq_rejected"}, {Kind::counter, "rq_success"}};
  return {kStats, {}};
}

/// How many requests there were lately, and how many of them did well. Seconds are counted as wholes, each from the first request
/// in it, and so they go.
class AdmissionWindow {
 public:
  struct Counts {
    std::uint32_t requests = 0, successes = 0;
  };
  static constexpr std::chrono::seconds kLongest{24 * 60 * 60};  // bounds what is remembered

  explicit AdmissionWindow(std::chrono::seconds length) noexcept : length_(length) {}
  void add(TimePoint now, bool success);
  Counts counts(TimePoint now);
  /// Requests a second, at the time of the last call of the others.
  std::uint32_t rate(TimePoint now) const noexcept;

 private:
  struct Second {
    TimePoint begin{};
    Counts counts;
  };
  void move_to(TimePoint now);
  void grow();
  Second& at(std::size_t i) noexcept { return ring_[(first_ + i) % ring_.size()]; }
  const Second& at(std::size_t i) const noexcept { return ring_[(first_ + i) % ring_.size()]; }

  std::chrono::seconds length_;
  Counts all_;
  std::vector<Second> ring_;  // as many as there were at most
  std::size_t first_ = 0, size_ = 0;
};

/// `threshold`: of successes, and of the answer, which is a probability: at most `most`, fractions both. Not a number, or below
/// zero: none is turned away.
double rejection_probability(AdmissionWindow::Counts counts, double threshold, double aggression, double most) noexcept;

struct AdmissionConfig {
  struct Range {
    std::int32_t begin = 0, end = 0;  // without `end`
  };
  runtime::RuntimeBool enabled{"", true};
  std::vector<Range> http_success{{0, 500}};
  std::uint32_t grpc_success = 0;  // bits of codes
  std::chrono::seconds window{30};
  runtime::RuntimeDouble aggression{"", 1}, success_percent{"", 95}, rejection_percent_max{"", 80};
  runtime::RuntimeUint32 rate_min;  // below it, all go on
  stats::BlockHandle stats;

  bool is_http_success(std::uint16_t status) const noexcept;
  bool is_grpc_success(std::uint64_t status) const noexcept { return status < 32 && (grpc_success >> status & 1) != 0; }
};

class AdmissionFactory final : public hcm::FilterFactory {
 public:
  AdmissionFactory(AdmissionConfig config, std::size_t threads);
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const AdmissionConfig& config() const noexcept { return config_; }
  AdmissionWindow& window(std::size_t thread) const noexcept { return windows_[thread % windows_.size()].window; }

 private:
  struct alignas(64) OfThread {
    explicit OfThread(std::chrono::seconds length) : window(length) {}
    AdmissionWindow window;
  };
  AdmissionConfig config_;
  mutable std::vector<OfThread> windows_;  // each touches its own
};

}  // namespace outrigger::filters
