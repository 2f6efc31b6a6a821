// The workers' side of outlier detection: counts what attempts on hosts came to, and tells the main thread of failures in
// a row at once. Shared by all workers of a cluster; no lock.
#pragma once
#include <functional>
#include <memory>
#include "proxy/runtime/runtime.h"
#include "proxy/upstream/cluster.h"
#include "proxy/upstream/host_monitor.h"

namespace outrigger::upstream {

/// How many failures in a row of that kind eject. 0: never.
std::uint64_t row_limit(const OutlierConfig& config, Row row, const runtime::Snapshot& runtime) noexcept;

class OutlierWatch {
 public:
  using Tell = std::function<void(const std::shared_ptr<HostStats>&, Ejection)>;
  /// `tell` is called on workers.
  OutlierWatch(const OutlierConfig& config, Tell tell) : config_(config), tell_(std::move(tell)) {}
  void see(Host& host, Sight sight, std::uint16_t code, const runtime::Snapshot& runtime) const;

 private:
  void answered(Host& host, std::uint16_t code, const runtime::Snapshot& runtime) const;
  void reached(Host& host, bool well, const runtime::Snapshot& runtime) const;
  void count_row(Host& host, Row row, Ejection why, const runtime::Snapshot& runtime) const;
  const OutlierConfig& config_;  // the cluster's
  Tell tell_;
};

}  // namespace outrigger::upstream
