// What filters count for the cluster that the route of a request leads to. Made on the main thread, used by workers.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/stats/named_blocks.h"
#include "proxy/stats/names.h"
#include "proxy/upstream/cluster.h"

namespace outrigger::filters {

/// The first counters of a filter, each listed once it has counted: "cluster.<name>.<filter>.<stat>", or with the config's
/// prefix "cluster.<name>.<filter>.<prefix>.<stat>".
template <class Stat>
class ClusterCounters {
 public:
  ClusterCounters() = default;
  ClusterCounters(stats::Registry& registry, std::string_view filter, const std::string& prefix, std::size_t count)
      : part_(std::string(filter) + (prefix.empty() ? "" : "." + stats::sanitize(prefix))) {
    for (std::size_t i = 0; i < count; ++i)
      blocks_.push_back(&registry.named_blocks(registry.define_block(block_def(Stat{}).stats.subspan(i, 1)), "cluster."));
  }
  /// What follows the cluster's name.
  const std::string& part() const noexcept { return part_; }
  void add(Stat stat, const upstream::Cluster& cluster, stats::Cells& cells) const noexcept {
    stats::BlockName name;
    name.put_cluster(cluster.config().stat_name).put(".").put(part_);
    cells.add(blocks_[static_cast<std::size_t>(stat)]->find(name.text(), cells), Stat{});
  }

 private:
  std::string part_;
  std::vector<stats::NamedBlocks*> blocks_;
};

/// An answer that is made here instead of the cluster's, or of a service that a filter asks: as one to a request from inside.
inline void charge_internal(const upstream::Cluster& cluster, stats::Cells& cells, std::uint16_t status) noexcept {
  using stats::ClusterStat;
  using stats::CodeFamily;
  const auto b = cluster.stats();
  cells.add(b, ClusterStat::upstream_rq_completed);
  cells.add_code(b, CodeFamily::upstream_rq, status);
  cells.add(b, ClusterStat::internal_upstream_rq_completed);
  cells.add_code(b, CodeFamily::internal_upstream_rq, status);
}

/// An answer of a host, or what stands for one, by the zones of this proxy and of the host.
inline void charge_zone(upstream::Cluster& cluster, upstream::Host* host, stats::Cells& cells, std::uint16_t status) noexcept {
  const auto b = host == nullptr ? stats::BlockHandle{} : cluster.zone_stats(*host);
  if (!b) return;
  cells.add(b, stats::AltClusterStat::upstream_rq_completed);
  cells.add_code(b, stats::CodeFamily::upstream_rq, status);
}

inline void charge_zone_time(upstream::Cluster& cluster, upstream::Host* host, stats::Cells& cells, std::uint64_t ms) noexcept {
  const auto b = host == nullptr ? stats::BlockHandle{} : cluster.zone_stats(*host);
  if (b) cells.record(b, stats::AltClusterStat::upstream_rq_time, ms);
}

}  // namespace outrigger::filters
