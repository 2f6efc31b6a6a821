// One update of clusters, taken in slices: all are parsed first, since one that is none refuses the whole; then each is
// compiled and set; then those go that are no longer told. Main thread.
#pragma once
#include <string_view>
#include <unordered_set>
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "xds/delivery/clusters.h"
#include "xds/delivery/resources.h"

namespace outrigger::xds {

class ClusterUpdate final : public UpdateWork {
 public:
  /// `u` outlives it.
  ClusterUpdate(ClusterDelivery& clusters, const Update& u, bool on_demand);
  bool go_on() override;
  Result<void> result() override;

 private:
  using Cluster = envoy::config::cluster::v3::Cluster;
  void add(const Parsed<Cluster>& p);
  void remove_others();

  ClusterDelivery& clusters_;
  const Update& u_;
  const bool on_demand_;
  std::unordered_set<std::string_view> names_;  // that were told
  SlicedParse<Cluster> parse_;
  std::size_t added_ = 0;
  std::unique_ptr<Client::Pause> pause_;  // of EDS, until all clusters are taken
  Refusals refusals_{"cluster"};
};

}  // namespace outrigger::xds
