#include "proxy/upstream/host_health.h"

#include <algorithm>
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

namespace {
constexpr auto kRelaxed = std::memory_order_relaxed;

bool of_network(CheckFailure why) noexcept { return why == CheckFailure::network || why == CheckFailure::network_timeout; }

std::uint64_t ms(Duration d) noexcept { return static_cast<std::uint64_t>(d.count() / 1000); }
}  // namespace

void HostHealth::set(std::uint8_t bit, bool on) noexcept {
  if (on)
    bits_.fetch_or(bit, kRelaxed);
  else
    bits_.fetch_and(static_cast<std::uint8_t>(~bit), kRelaxed);
}

bool HostHealth::exclude() noexcept { return (bits_.fetch_or(kCheckExcluded, kRelaxed) & kCheckExcluded) == 0; }

/// The host takes part in the count from now on.
bool HostHealth::end_pending() noexcept {
  return (bits_.fetch_and(static_cast<std::uint8_t>(~kCheckPending), kRelaxed) & kCheckPending) != 0;
}

HealthVerdict HostHealth::succeeded(bool degraded) noexcept {
  HealthVerdict v{.healthy = true, .first = first_};
  failed_ = 0;
  if (has(kCheckFailed)) {
    // The first result of all counts at once: that makes starts faster.
    if (first_ || ++passed_ == config_.healthy_threshold) {
      bits_.fetch_and(static_cast<std::uint8_t>(~(kCheckFailed | kCheckTimeout | kCheckExcluded)), kRelaxed);
      v.added = true;
      v.transition = Transition::changed;
    } else {
      v.transition = Transition::pending;
    }
  }
  if (end_pending()) v.transition = Transition::changed;
  if (degraded != has(kCheckDegraded)) {
    set(kCheckDegraded, degraded);
    (degraded ? v.degraded_now : v.degraded_no_longer) = true;
    if (v.transition == Transition::unchanged) v.transition = Transition::changed;
  }
  first_ = false;
  return v;
}

HealthVerdict HostHealth::failed(CheckFailure why, bool retriable) noexcept {
  HealthVerdict v{.first = first_};
  passed_ = 0;
  if (!has(kCheckFailed)) {
    if ((!of_network(why) && !retriable) || ++failed_ == config_.unhealthy_threshold) {
      set(kCheckFailed, true);
      v.ejected = true;
      v.transition = Transition::changed;
    } else {
      v.transition = Transition::pending;
    }
  }
  if (has(kCheckFailed)) set(kCheckTimeout, why == CheckFailure::network_timeout);
  if (end_pending()) v.transition = Transition::changed;
  first_ = false;
  return v;
}

Duration with_check_jitter(const HealthConfig& config, Duration base, Duration jitter, Random& random,
                           const runtime::Snapshot& runtime) {
  std::uint64_t after = ms(base);
  after += random.below(config.jitter_percent * ms(base) / 100) + random.below(ms(jitter));
  constexpr std::uint64_t kMost = 1000ULL * 1000 * 1000 * 1000;  // decades
  after = std::min(after, runtime.integer("health_check.max_interval", kMost));
  after = std::max<std::uint64_t>({1, after, runtime.integer("health_check.min_interval", 0)});
  return std::chrono::milliseconds(std::min(after, kMost));
}

Duration next_check_after(const HealthConfig& config, const HealthVerdict& last, bool used, Random& random,
                          const runtime::Snapshot& runtime) {
  const bool edge = last.transition == Transition::pending;
  Duration base{0};
  if (!used)
    base = last.healthy ? config.no_traffic_healthy : config.no_traffic;
  else if (last.healthy)
    base = edge ? config.healthy_edge : config.interval;
  else
    base = edge ? config.unhealthy_edge : config.unhealthy_interval;
  return with_check_jitter(config, base, config.interval_jitter, random, runtime);
}

}  // namespace outrigger::upstream
