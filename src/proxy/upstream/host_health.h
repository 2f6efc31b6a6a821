// What the results of active checks make of one host: thresholds, and the bits that workers see. No clock, no network. Main
// thread; owned by the host's session (health_checker.h).
#pragma once
#include <atomic>
#include "proxy/base/random.h"
#include "proxy/runtime/runtime.h"
#include "proxy/upstream/health_config.h"

namespace outrigger::upstream {

/// Numbered as in Envoy's event log.
enum class CheckFailure : std::uint8_t { active, passive, network, network_timeout };

/// Did the host's health change, or will it if the next checks end like this one?
enum class Transition : std::uint8_t { unchanged, pending, changed };

struct HealthVerdict {
  Transition transition = Transition::unchanged;
  bool healthy = false;                                   // the check passed
  bool first = false;                                     // it was the first
  bool added = false, ejected = false;                    // the host
  bool degraded_now = false, degraded_no_longer = false;  // the host
};

class HostHealth {
 public:
  HostHealth(const HealthConfig& config, std::atomic<std::uint8_t>& bits) noexcept : config_(config), bits_(bits) {}
  HealthVerdict succeeded(bool degraded) noexcept;
  /// `retriable`: the answer was one that counts only as often as the threshold says.
  HealthVerdict failed(CheckFailure why, bool retriable) noexcept;
  /// By itself. False: it was already.
  bool exclude() noexcept;
  /// Has no check ended yet?
  bool is_new() const noexcept { return first_; }
  bool has(std::uint8_t bit) const noexcept { return (bits_.load(std::memory_order_relaxed) & bit) != 0; }

 private:
  void set(std::uint8_t bit, bool on) noexcept;
  bool end_pending() noexcept;
  const HealthConfig& config_;
  std::atomic<std::uint8_t>& bits_;  // HostStats::checked
  std::uint32_t passed_ = 0, failed_ = 0;
  bool first_ = true;
};

/// Until the next check. `used`: the cluster has had a connection.
Duration next_check_after(const HealthConfig& config, const HealthVerdict& last, bool used, Random& random,
                          const runtime::Snapshot& runtime);
/// `base` and what config and runtime make of it.
Duration with_check_jitter(const HealthConfig& config, Duration base, Duration jitter, Random& random,
                           const runtime::Snapshot& runtime);

}  // namespace outrigger::upstream
