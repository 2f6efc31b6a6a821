// Active health checks of one cluster: a session for each of its hosts, with its clocks and its connection. Main thread; owned
// by the cluster's Entry, which is told of each result and given the hosts' new state.
#pragma once
#include <functional>
#include <memory>
#include <unordered_map>
#include "proxy/runtime/thread_context.h"
#include "proxy/stats/names.h"
#include "proxy/upstream/host_health.h"
#include "proxy/upstream/shared.h"

namespace outrigger::upstream {

struct CheckedHost {
  const std::shared_ptr<HostStats>& stats;
  HealthVerdict verdict;
};

/// What the event log tells of a host.
struct HealthEvent {
  enum Kind : std::uint8_t { ejected, added, failed, degraded, no_longer_degraded, succeeded } kind;
  CheckKind checker;
  const Endpoint& endpoint;
  CheckFailure why = CheckFailure::active;
  bool first = false;
  std::uint16_t status = 0;
};
/// A line of Envoy's event log.
std::string health_line(const HealthEvent& event, std::string_view cluster, WallTime now);

class HealthChecker {
 public:
  /// `told` must change no members: it may be called from within them.
  HealthChecker(runtime::ThreadContext& thread, stats::Registry& registry, ClusterSharedPtr cluster, stats::BlockHandle stats,
                std::function<void(const CheckedHost&)> told);
  ~HealthChecker();
  void set_members(const HostSetPtr& hosts);
  /// From now on members are checked.
  void begin();
  bool begun() const noexcept { return begun_; }
  /// Has each member had a check, or needs none?
  bool all_checked() const noexcept;
  /// A host asked not to be used any more.
  void fail(const std::shared_ptr<HostStats>& host);

 private:
  struct Session;
  void add(stats::HealthCheckStat s) { registry_.main().add(stats_, s); }
  void gauge(stats::HealthCheckStat s, std::int64_t by) { registry_.main().gauge_add(stats_, s, by); }
  bool cluster_used() const { return registry_.value(cluster_->stats, stats::ClusterStat::upstream_cx_total) > 0; }
  runtime::ThreadContext& thread_;
  stats::Registry& registry_;
  ClusterSharedPtr cluster_;
  const HealthConfig& config_;
  stats::BlockHandle stats_;
  std::function<void(const CheckedHost&)> told_;
  std::shared_ptr<ClusterShared> own_;  // what connections of checks count in
  HostSetPtr hosts_;
  std::unordered_map<const HostStats*, std::unique_ptr<Session>> sessions_;
  bool begun_ = false;
};

}  // namespace outrigger::upstream
