#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

const HostCounters& HostStats::counted() const noexcept {
  static const HostCounters none;
  const auto* made = counters_.load(std::memory_order_acquire);
  return made != nullptr ? *made : none;
}

/// Two threads may come at once: the first one's stay.
HostCounters& HostStats::make_counters() noexcept {
  auto made = std::make_unique<HostCounters>();
  HostCounters* there = nullptr;
  if (counters_.compare_exchange_strong(there, made.get(), std::memory_order_acq_rel)) return *made.release();
  return *there;
}

net::OriginPtr Host::origin_of(const http::ConnectionInfo* downstream) const {
  if (downstream == nullptr) return nullptr;
  const bool shows = downstream->has_upstream_source() || (socket() != nullptr && socket()->tells() != net::OriginPart::nothing);
  return shows ? downstream->origin() : nullptr;
}

}  // namespace outrigger::upstream
