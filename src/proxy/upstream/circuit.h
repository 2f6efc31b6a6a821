// Circuit limits of one cluster and priority: counts shared by all workers as relaxed atomics, with
// the gauges that tell when a limit is reached. Any worker.
#pragma once
#include <atomic>
#include <cstdint>
#include "proxy/stats/names.h"
#include "proxy/upstream/cluster_config.h"

namespace outrigger::upstream {

enum class Limit : std::uint8_t { connections, pending, requests, retries };

class CircuitState {
 public:
  void init(const Thresholds& t, bool high, stats::BlockHandle cluster, stats::BlockHandle remaining) noexcept {
    max_[0] = t.connections;
    max_[1] = t.pending;
    max_[2] = t.requests;
    max_[3] = t.retries;
    high_ = high;
    cluster_ = cluster;
    remaining_ = remaining;
  }
  /// For pages of what is used: Envoy's gauges are, once the circuit was asked.
  void mark_used(Limit l, stats::Cells& cells) const noexcept { cells.gauge_add(cluster_, open_gauge(l), 0); }
  bool can_take(Limit l) const noexcept { return at(l).load(std::memory_order_relaxed) < max_[index(l)]; }
  std::uint32_t used(Limit l) const noexcept { return at(l).load(std::memory_order_relaxed); }
  void take(Limit l, stats::Cells& cells) noexcept {
    const auto before = at(l).fetch_add(1, std::memory_order_relaxed);
    if (before + 1 == max_[index(l)] || opens_at_nothing(l)) cells.inc(cluster_, open_gauge(l));
    if (remaining_ && before < max_[index(l)]) cells.dec(remaining_, remaining_gauge(l));
  }
  void give_back(Limit l, stats::Cells& cells) noexcept {
    const auto before = at(l).fetch_sub(1, std::memory_order_relaxed);
    if (before == max_[index(l)] && before != 0) cells.dec(cluster_, open_gauge(l));
    if (remaining_ && before <= max_[index(l)]) cells.inc(remaining_, remaining_gauge(l));
  }

 private:
  /// A limit of 0 that something passes nevertheless (a retry budget, a host's first connection) is open from then on.
  bool opens_at_nothing(Limit l) noexcept {
    const std::uint8_t bit = static_cast<std::uint8_t>(1U << index(l));
    return max_[index(l)] == 0 && (opened_.fetch_or(bit, std::memory_order_relaxed) & bit) == 0;
  }
  static std::size_t index(Limit l) noexcept { return static_cast<std::size_t>(l); }
  std::atomic<std::uint32_t>& at(Limit l) noexcept { return used_[index(l)]; }
  const std::atomic<std::uint32_t>& at(Limit l) const noexcept { return used_[index(l)]; }
  stats::ClusterStat open_gauge(Limit l) const noexcept {
    using S = stats::ClusterStat;
    switch (l) {
      case Limit::connections: return high_ ? S::circuit_breakers_high_cx_open : S::circuit_breakers_default_cx_open;
      case Limit::pending: return high_ ? S::circuit_breakers_high_rq_pending_open : S::circuit_breakers_default_rq_pending_open;
      case Limit::requests: return high_ ? S::circuit_breakers_high_rq_open : S::circuit_breakers_default_rq_open;
      case Limit::retries: break;
    }
    return high_ ? S::circuit_breakers_high_rq_retry_open : S::circuit_breakers_default_rq_retry_open;
  }
  static stats::RemainingStat remaining_gauge(Limit l) noexcept {
    using S = stats::RemainingStat;
    switch (l) {
      case Limit::connections: return S::remaining_cx;
      case Limit::pending: return S::remaining_pending;
      case Limit::requests: return S::remaining_rq;
      case Limit::retries: break;
    }
    return S::remaining_retries;
  }
  std::atomic<std::uint32_t> used_[4] = {};
  std::uint32_t max_[4] = {};
  std::atomic<std::uint8_t> opened_{0};
  bool high_ = false;
  stats::BlockHandle cluster_, remaining_;
};

}  // namespace outrigger::upstream
