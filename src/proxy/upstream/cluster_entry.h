// One cluster as the ClusterManager keeps it: active, or warming beside the one that it will replace. Main thread.
#pragma once
#include <memory>
#include <vector>
#include "proxy/upstream/cluster_manager.h"
#include "proxy/upstream/dns.h"
#include "proxy/upstream/health_checker.h"
#include "proxy/upstream/outlier_detector.h"

namespace outrigger::upstream {

/// A name to resolve: its last good addresses, and when it is asked again.
struct ClusterName {
  std::vector<net::Address> addresses;
  bool answered = false;
  unsigned failures = 0;
  std::unique_ptr<event::Timer> timer;
};

/// Outlier detection of a cluster.
struct Outliers {
  OutlierDetector detector;
  std::unique_ptr<event::Timer> interval;
};

/// What is told later (answers, new hosts) holds it weakly: it may have been removed meanwhile.
struct ClusterManager::Entry : std::enable_shared_from_this<Entry> {
  ClusterSharedPtr shared;
  HostSetPtr hosts;
  EndpointsPtr endpoints;  // those that are told, not resolved
  AssignmentPolicy policy;
  std::vector<ClusterName> names;
  Dns* dns = nullptr;           // resolves them
  std::size_t waiting = 0;      // names without a first answer
  bool awaits_members = false;  // EDS: the first have not come
  bool cold = false;            // of the bootstrap, and not warm yet
  bool active = false;          // workers have it, or will at the start
  bool counted = false;         // there was a member
  const ClusterConfig& config() const noexcept { return *shared->config; }
  bool held = false;  // for something else
  bool has_members() const noexcept { return (waiting == 0 || !config().wait_for_warm) && !awaits_members && !held; }
  bool unchecked = false;  // active checks: some of the first members have had none
  bool to_tell = false;    // that health has changed, at the end of the turn
  bool warm() const noexcept { return has_members() && !unchecked; }
  // ORIGINAL_DST: what workers have told of since the last turn, and when hosts that nobody uses go.
  std::vector<Member> fresh;
  std::unique_ptr<event::Timer> cleanup;
  stats::Gauge single_host_duplicates{};  // of clusters with subsets
  std::vector<stats::Gauge> hash_gauges;  // of ring_hash or maglev: the fewest and most parts of a host; the ring's size
  std::unique_ptr<Outliers> outliers;     // null: none
  std::unique_ptr<HealthChecker> checks;  // null: none
};

}  // namespace outrigger::upstream
