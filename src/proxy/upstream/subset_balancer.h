// Subset balancing on one worker: a load balancer for each set of values that hosts have for the keys of a selector, and
// what is done for requests that none fits. Owned by ClusterImpl; rebuilt when the membership changes.
#pragma once
#include <memory>
#include <unordered_map>
#include <vector>
#include "proxy/upstream/subset_config.h"
#include "proxy/upstream/subset_hosts.h"

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
  /// Without the list of what to try one after the other; null: it has none.
  const MetadataValue* take_fallback_list() noexcept;
  /// With these fields over its own.
  SubsetCriteria with(const MetadataValue& fields) const noexcept;
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

/// The values of one host for the keys of a selector.
using SubsetValues = std::vector<const MetadataValue*>;
/// Of each subset that it is in; several when a list stands for each of its values.
std::vector<SubsetValues> subset_values(const Endpoint& e, const std::vector<std::string>& keys, bool list_as_any);
/// How many hosts of the last priority have no part in a subset that may have one alone (single_host_per_subset).
std::uint64_t count_single_host_duplicates(const SubsetConfig& rules, const HostSet& hosts);

class SubsetBalancer {
 public:
  SubsetBalancer(const ClusterShared& cluster, runtime::ThreadContext& thread);
  ~SubsetBalancer();
  void update(const std::vector<Host*>& hosts, const AssignmentPolicy& policy);
  /// Null: none.
  Host* pick(const PickContext& c);

 private:
  struct Subset {
    std::size_t selector = 0;
    std::vector<MetadataValue> values;  // by the selector's keys
    std::vector<Host*> hosts;
    std::unique_ptr<SubsetHosts> balancer;
  };
  using Subsets = std::unordered_multimap<std::size_t, Subset>;
  const SubsetConfig& rules() const noexcept { return *cluster_.config->subset; }
  std::unique_ptr<SubsetHosts> make(bool single = false) const;
  bool matches(const Host& h, const MetadataValue& fields) const noexcept;
  void sort_in(Host& h, std::size_t selector);
  void add(Host& h, std::size_t selector, const SubsetValues& values);
  const Subset* find(const SubsetCriteria& criteria) const noexcept;
  Host* pick(const PickContext& c, const SubsetCriteria& criteria);
  SubsetHosts* fallback_of(SubsetFallback f) const noexcept;
  Host* pick_from(SubsetHosts* b, const PickContext& c) { return b == nullptr ? nullptr : b->pick(c); }
  void count(stats::ClusterStat s, std::uint64_t n = 1) noexcept { thread_.cells.add(cluster_.stats, s, n); }

  const ClusterShared& cluster_;
  runtime::ThreadContext& thread_;
  Subsets subsets_;                             // by the hash of their values
  std::unique_ptr<SubsetHosts> any_, default_;  // null: not asked for
};

}  // namespace outrigger::upstream
