// Circuit limits of one cluster and priority: counts shared by all workers as relaxed atomics, with
// the gauges that tell when a limit is reached. Any worker counts; main sets the limits.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>
#include "proxy/runtime/runtime.h"
#include "proxy/stats/names.h"
#include "proxy/upstream/cluster_config.h"

namespace outrigger::upstream {

enum class Limit : std::uint8_t { connections, pending, requests, retries, pools };

class CircuitState {
 public:
  void init(const Thresholds& t, bool high, stats::BlockHandle cluster, stats::BlockHandle remaining) noexcept;
  /// Main: what runtime says over the config. `prefix` is "circuit_breakers.<cluster>.<priority>.".
  void apply(const Thresholds& t, const runtime::Snapshot& s, const std::string& prefix, stats::Cells& main);
  /// For pages of what is used: Envoy's gauges are, once the circuit was asked.
  void mark_used(Limit l, stats::Cells& cells) const noexcept { cells.gauge_add(cluster_, open_gauge(l), 0); }
  bool can_take(Limit l) const noexcept { return used(l) < max(l); }
  std::uint64_t max(Limit l) const noexcept { return max_[index(l)].load(std::memory_order_relaxed); }
  std::uint32_t used(Limit l) const noexcept { return used_[index(l)].load(std::memory_order_relaxed); }
  void take(Limit l, stats::Cells& cells) noexcept {
    const auto before = used_[index(l)].fetch_add(1, std::memory_order_relaxed);
    changed(l, before, before + 1, cells);
  }
  void give_back(Limit l, stats::Cells& cells) noexcept {
    const auto before = used_[index(l)].fetch_sub(1, std::memory_order_relaxed);
    changed(l, before, before - 1, cells);
  }
  /// By the retry budget when there is one.
  bool can_retry() const noexcept;

 private:
  static constexpr std::size_t kLimits = 5;
  static std::size_t index(Limit l) noexcept { return static_cast<std::size_t>(l); }
  std::uint64_t left(Limit l, std::uint32_t used) const noexcept { return max(l) > used ? max(l) - used : 0; }
  void changed(Limit l, std::uint32_t before, std::uint32_t now, stats::Cells& cells) noexcept;
  stats::ClusterStat open_gauge(Limit l) const noexcept;

  std::atomic<std::uint32_t> used_[kLimits] = {};
  std::atomic<std::uint64_t> max_[kLimits] = {};
  std::atomic<bool> open_[kLimits] = {};  // what the gauge says
  std::atomic<bool> has_budget_{false};   // of retries, instead of their limit
  std::atomic<double> budget_percent_{20};
  std::atomic<std::uint32_t> budget_min_{3};
  bool high_ = false;
  stats::BlockHandle cluster_, remaining_;
};

}  // namespace outrigger::upstream
