#include "proxy/upstream/circuit.h"

#include <algorithm>
#include <array>

namespace outrigger::upstream {

using stats::ClusterStat;
using stats::RemainingStat;

namespace {
constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr ClusterStat kOpen[2][5] = {
    {ClusterStat::circuit_breakers_default_cx_open, ClusterStat::circuit_breakers_default_rq_pending_open,
     ClusterStat::circuit_breakers_default_rq_open, ClusterStat::circuit_breakers_default_rq_retry_open,
     ClusterStat::circuit_breakers_default_cx_pool_open},
    {ClusterStat::circuit_breakers_high_cx_open, ClusterStat::circuit_breakers_high_rq_pending_open,
     ClusterStat::circuit_breakers_high_rq_open, ClusterStat::circuit_breakers_high_rq_retry_open,
     ClusterStat::circuit_breakers_high_cx_pool_open},
};
constexpr RemainingStat kRemaining[5] = {RemainingStat::remaining_cx, RemainingStat::remaining_pending,
                                         RemainingStat::remaining_rq, RemainingStat::remaining_retries,
                                         RemainingStat::remaining_cx_pools};
constexpr const char* kKeys[5] = {"max_connections", "max_pending_requests", "max_requests", "max_retries",
                                  "max_connection_pools"};

/// By Limit.
std::array<std::uint64_t, 5> limits_of(const Thresholds& t) noexcept {
  return {t.connections, t.pending, t.requests, t.retries, t.connection_pools};
}
}  // namespace

void CircuitState::init(const Thresholds& t, bool high, stats::BlockHandle cluster, stats::BlockHandle remaining) noexcept {
  const auto limits = limits_of(t);
  for (std::size_t i = 0; i < kLimits; ++i) max_[i].store(limits[i], kRelaxed);
  has_budget_ = t.has_retry_budget;
  budget_percent_ = t.retry_budget_percent;
  budget_min_ = t.retry_budget_min;
  high_ = high;
  cluster_ = cluster;
  remaining_ = remaining;
}

void CircuitState::apply(const Thresholds& t, const runtime::Snapshot& s, const std::string& prefix, stats::Cells& main) {
  const auto limits = limits_of(t);
  for (std::size_t i = 0; i < kLimits; ++i) {
    const auto l = static_cast<Limit>(i);
    const auto before = left(l, used(l));
    max_[i].store(s.integer(prefix + kKeys[i], limits[i]), kRelaxed);
    if (remaining_) main.gauge_add(remaining_, kRemaining[i], static_cast<std::int64_t>(left(l, used(l)) - before));
  }
  const std::string percent = prefix + "retry_budget.budget_percent", least = prefix + "retry_budget.min_retry_concurrency";
  has_budget_ = t.has_retry_budget || s.find(percent) != nullptr || s.find(least) != nullptr;
  budget_percent_ = s.number(percent, t.retry_budget_percent);
  budget_min_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(s.integer(least, t.retry_budget_min), UINT32_MAX));
}

bool CircuitState::can_retry() const noexcept {
  if (!has_budget_.load(kRelaxed)) return can_take(Limit::retries);
  const double running = used(Limit::requests) + used(Limit::pending);
  const auto allowed = static_cast<std::uint32_t>(running * budget_percent_.load(kRelaxed) / 100);
  return used(Limit::retries) < std::max(allowed, budget_min_.load(kRelaxed));
}

/// A limit may change while it is used, and some pass one that is reached (a host's first connection): what
/// the gauge says is kept apart. Workers race for it: whoever has changed it looks again.
void CircuitState::changed(Limit l, std::uint32_t before, std::uint32_t now, stats::Cells& cells) noexcept {
  auto& said = open_[index(l)];
  for (bool open = now >= max(l); said.load(kRelaxed) != open; open = !can_take(l))
    if (said.exchange(open) != open) cells.gauge_add(cluster_, open_gauge(l), open ? 1 : -1);
  if (!remaining_) return;
  if (const auto by = static_cast<std::int64_t>(left(l, now) - left(l, before)); by != 0)
    cells.gauge_add(remaining_, kRemaining[index(l)], by);
}

ClusterStat CircuitState::open_gauge(Limit l) const noexcept { return kOpen[high_ ? 1 : 0][index(l)]; }

}  // namespace outrigger::upstream
