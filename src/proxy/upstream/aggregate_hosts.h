// The clusters that an aggregate lists, as one worker knows them: their priorities one after the other, and how requests are
// shared among these. Looked at again when one of them has changed. Owned by ClusterImpl.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>
#include "proxy/runtime/thread_context.h"
#include "proxy/upstream/pool.h"
#include "proxy/upstream/priority_load.h"
#include "proxy/upstream/shared.h"

namespace outrigger::upstream {

/// What an aggregate sees of the clusters on its worker.
class ListedClusters {
 public:
  struct Listed {
    const ClusterConfig* config = nullptr;  // null: there is no such cluster
    const HostSet* hosts = nullptr;
    std::uint64_t change = 0;  // another one whenever it is replaced, or its hosts or their health change
  };
  virtual Listed listed(std::string_view name) const noexcept = 0;
  /// Null: there is no such cluster, or it has no host for `c`.
  virtual Host* pick_of(std::string_view name, const PickContext& c) = 0;
  /// Of the last change of any.
  std::uint64_t changes() const noexcept { return changes_; }

 protected:
  ~ListedClusters() = default;
  std::uint64_t changes_ = 1;
};

class AggregateHosts {
 public:
  AggregateHosts(runtime::ThreadContext& thread, const ClusterConfig& config, ListedClusters& clusters)
      : thread_(thread), config_(config), clusters_(clusters), seen_(config.listed.size(), UINT64_MAX) {}
  /// Null: there is none.
  Host* pick(const PickContext& c);
  /// UINT32_MAX: not here.
  std::uint32_t priority_of(const Host& host) noexcept;
  /// Does one of the clusters choose by hash?
  bool may_hash();

 private:
  struct Place {
    std::size_t cluster = 0;     // in the list
    std::uint32_t priority = 0;  // of that cluster
  };
  void refresh();
  void rebuild();
  runtime::ThreadContext& thread_;
  const ClusterConfig& config_;
  ListedClusters& clusters_;
  std::uint64_t seen_changes_ = 0;
  std::vector<std::uint64_t> seen_;  // of each cluster
  std::vector<Place> places_;        // by priority here
  std::vector<PriorityShare> shares_;
  bool may_hash_ = false;
};

}  // namespace outrigger::upstream
