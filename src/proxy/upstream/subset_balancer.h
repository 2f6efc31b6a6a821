// Subset balancing on one worker: a load balancer for each set of values that hosts have for the keys of a selector, and
// what is done for requests that none fits. Owned by ClusterImpl; rebuilt when the membership changes.
#pragma once
#include <memory>
#include <unordered_map>
#include <vector>
#include "proxy/upstream/load_balancer.h"
#include "proxy/upstream/subset_config.h"

namespace outrigger::upstream {

/// What a request asks of hosts, by name: what its route says, and over it the request's own metadata.
class SubsetCriteria {
 public:
  static constexpr std::size_t kMax = 32;
  struct Item {
    std::string_view name;
    const MetadataValue* value;
  };
  SubsetCriteria() = default;
  explicit SubsetCriteria(const PickContext& c) noexcept;
  /// Those of these names only.
  SubsetCriteria only(const std::vector<std::string>& names) const noexcept;
  bool has_names(const std::vector<std::string>& names) const noexcept;
  const Item* begin() const noexcept { return items_; }
  const Item* end() const noexcept { return items_ + size_; }
  bool empty() const noexcept { return size_ == 0; }

 private:
  void put(std::string_view name, const MetadataValue& value) noexcept;
  Item items_[kMax] = {};
  std::size_t size_ = 0;
};

class SubsetBalancer {
 public:
  SubsetBalancer(const ClusterConfig& config, runtime::ThreadContext& thread, stats::BlockHandle stats);
  ~SubsetBalancer();
  void update(const std::vector<Host*>& hosts, const AssignmentPolicy& policy);
  /// Null: none.
  Host* pick(const PickContext& c) { return pick(c, SubsetCriteria(c)); }

 private:
  struct Subset {
    std::size_t selector = 0;
    std::vector<MetadataValue> values;  // by the selector's keys
    std::vector<Host*> hosts;
    std::unique_ptr<LoadBalancer> balancer;
  };
  /// The values of one host.
  using Values = std::vector<const MetadataValue*>;
  using Subsets = std::unordered_multimap<std::size_t, Subset>;
  const SubsetConfig& rules() const noexcept { return *config_.subset; }
  std::unique_ptr<LoadBalancer> make() const;
  bool matches(const Host& h, const MetadataValue& fields) const noexcept;
  void sort_in(Host& h, std::size_t selector);
  void add(Host& h, std::size_t selector, const Values& values);
  const Subset* find(const SubsetCriteria& criteria) const noexcept;
  Host* pick(const PickContext& c, const SubsetCriteria& criteria);
  LoadBalancer* fallback_of(SubsetFallback f) const noexcept;
  Host* pick_from(LoadBalancer* b, const PickContext& c) { return b == nullptr ? nullptr : b->pick(c, stats_); }
  void count(stats::ClusterStat s, std::uint64_t n = 1) noexcept { thread_.cells.add(stats_, s, n); }

  const ClusterConfig& config_;
  runtime::ThreadContext& thread_;
  stats::BlockHandle stats_;
  Subsets subsets_;                              // by the hash of their values
  std::unique_ptr<LoadBalancer> any_, default_;  // null: not asked for
};

}  // namespace outrigger::upstream
