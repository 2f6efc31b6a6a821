// All clusters on one worker, by name; a cluster takes a few words until its first request. Owned
// by server::Worker, fed by the ClusterManager through the worker's loop.
#pragma once
#include <memory>
#include <string_view>
#include <unordered_map>
#include "proxy/upstream/cluster_impl.h"

namespace outrigger::upstream {

class WorkerClusters final : public ClusterSource {
 public:
  explicit WorkerClusters(runtime::ThreadContext& thread) : thread_(thread) {}
  Cluster* find(std::string_view name) noexcept override;
  /// Which cluster this proxy is in, and where. Before the first update.
  void set_local(std::string name, LocalityPtr node);
  /// Adds the cluster, or gives it new members.
  void update(ClusterSharedPtr shared, HostSetPtr hosts);
  void close_all() { slots_.clear(); }

 private:
  struct Slot {
    ClusterSharedPtr shared;
    HostSetPtr hosts;
    std::unique_ptr<ClusterImpl> live;
  };
  runtime::ThreadContext& thread_;
  LocalCluster local_;
  std::unordered_map<std::string_view, Slot> slots_;  // keys are the configs' names
};

}  // namespace outrigger::upstream
