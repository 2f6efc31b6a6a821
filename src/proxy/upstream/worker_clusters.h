// All clusters on one worker, by name; a cluster takes a few words until its first request. Owned
// by server::Worker, fed by the ClusterManager through the worker's loop.
#pragma once
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>
#include "proxy/event/loop.h"
#include "proxy/upstream/cluster_impl.h"

namespace outrigger::upstream {

class WorkerClusters final : public ClusterSource, private ListedClusters {
 public:
  explicit WorkerClusters(runtime::ThreadContext& thread) : thread_(thread), bury_(thread.loop.timers(), *this) {}
  Cluster* find(std::string_view name) noexcept override;
  /// Does it have any, whatever their health?
  bool has_hosts(std::string_view name) const noexcept;
  /// Which cluster this proxy is in, and where. Before the first update.
  void set_local(std::string name, LocalityPtr node);
  /// Adds the cluster, puts it in the place of the one of its name, or gives it new members.
  void update(ClusterSharedPtr shared, HostSetPtr hosts);
  /// Requests that it has go on.
  void remove(std::string_view name);
  void close_all();

 private:
  struct Slot {
    ClusterSharedPtr shared;
    HostSetPtr hosts;
    std::unique_ptr<ClusterImpl> live;
    std::uint64_t change = 0;
  };
  Listed listed(std::string_view name) const noexcept override;
  Host* pick_of(std::string_view name, const PickContext& c) override;
  void retire(std::unique_ptr<ClusterImpl> c);
  void bury();
  runtime::ThreadContext& thread_;
  LocalCluster local_;
  std::unordered_map<std::string_view, Slot> slots_;  // keys are the configs' names
  std::vector<std::unique_ptr<ClusterImpl>> retired_;
  event::Alarm<WorkerClusters, &WorkerClusters::bury> bury_;
};

}  // namespace outrigger::upstream
