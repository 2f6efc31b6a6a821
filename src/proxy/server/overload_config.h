// What the overload manager is told: what it looks at, and what it does when.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>
#include "proxy/base/time.h"
#include "proxy/event/scaled_timers.h"
#include "proxy/runtime/overload.h"

namespace outrigger::server {

struct ResourceMonitorConfig {
  enum Kind : std::uint8_t { heap, file, cgroup, cpu } kind = heap;
  std::string name;
  std::string path;             // of a file that says the pressure
  std::uint64_t bytes_max = 0;  // of the heap, or of the cgroup (0: what that says)
  std::string runtime_key;      // of bytes_max; empty: fixed
};

struct OverloadTrigger {
  std::size_t monitor = 0;  // which of them
  double begin = 0, full = 0;
  bool scaled = false;  // between the two the action goes so far; otherwise it is all or nothing, from `full` on
  /// From 0 to 1.
  float share(double pressure) const noexcept {
    if (!scaled) return pressure >= full ? 1 : 0;
    if (pressure <= begin) return 0;
    return pressure >= full ? 1 : static_cast<float>((pressure - begin) / (full - begin));
  }
};

/// An action, or a point where load is shed.
struct OverloadActionConfig {
  enum Kind : std::uint8_t { worker, stop_accepting_connections, shrink_heap, reduce_timeouts, point };
  Kind kind = worker;
  runtime::OverloadAction action{};       // of workers
  runtime::LoadShedPoint shed_at{};       // of a point
  std::vector<event::ScaledKind> timers;  // those that are reduced
  Duration shrink_interval = std::chrono::seconds(10);
  std::uint64_t unfreed_bytes_max = 100 * 1024 * 1024;  // so much may stay in the heap
  std::string name;
  std::vector<OverloadTrigger> triggers;  // of monitors that are asked from time to time
};

struct OverloadConfig {
  Duration refresh_interval = std::chrono::seconds(1);
  std::vector<ResourceMonitorConfig> monitors;
  std::vector<OverloadActionConfig> actions;
  event::TimerMinimums timer_minimums;
};

}  // namespace outrigger::server
