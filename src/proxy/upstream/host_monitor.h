// What outlier detection keeps of one host. Hosts of clusters with detection have their counters in it. Workers write the
// counts with relaxed atomics; the rest is the main thread's (outlier_detector.h).
#pragma once
#include "proxy/upstream/outlier_config.h"
#include "proxy/upstream/shared.h"

namespace outrigger::upstream {

struct HostMonitor final : HostStats {
  std::atomic<std::uint32_t> in_a_row[3] = {};  // failures, by Row
  std::atomic<std::uint32_t>& row(Row r) noexcept { return in_a_row[static_cast<std::size_t>(r)]; }
  struct Answers {
    std::atomic<std::uint32_t> total{0}, good{0};  // since the last interval
    double rate = -1;                              // of the last interval, in percent; -1: too few
  };
  Answers answers[2];                           // of the host, of the way to it
  const Endpoint* endpoint = nullptr;           // null: no member any more
  std::uint32_t ejections = 0, multiplier = 0;  // of the base time
  TimePoint ejected_at{}, back_at{};
  Duration jitter{0};
};

/// Counters of a new host.
inline std::shared_ptr<HostStats> make_host_stats(const ClusterConfig& c) {
  if (c.outlier != nullptr) return std::make_shared<HostMonitor>();
  return std::make_shared<HostStats>();
}
/// Of a cluster with detection.
inline HostMonitor& monitor_of(HostStats& s) noexcept { return static_cast<HostMonitor&>(s); }
inline HostMonitor& monitor_of(const Member& m) noexcept { return monitor_of(*m.stats); }
inline HostMonitor& monitor_of(const Host& h) noexcept { return monitor_of(h.stats()); }

}  // namespace outrigger::upstream
