// EDS: the members of one cluster, as a config source tells them. Main thread; owned by the delivery of the cluster.
#pragma once
#include <memory>
#include <string>
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "xds/compile/content.h"
#include "xds/delivery/context.h"

namespace outrigger::xds {

class EndpointDelivery final : private WatchEvents {
 public:
  EndpointDelivery(const DeliveryContext& c, const envoy::config::cluster::v3::Cluster& cluster);
  ~EndpointDelivery();
  /// Also for a cluster that was made anew meanwhile: it gets the members that are known.
  void give_members() const;
  /// Does this bring what that version of the cluster asks for?
  bool fits(const envoy::config::cluster::v3::Cluster& cluster) const {
    return bytes_hash(cluster.eds_cluster_config().SerializeAsString()) == asked_;
  }
  /// Did the first members come, or was the wait for them given up?
  bool settled() const noexcept { return settled_; }

 private:
  Result<void> on_update(const Update& u) override;
  Result<void> take(const Update& u);
  bool take_plain(const Resource& r);
  void use(std::vector<upstream::EndpointPtr> endpoints, const upstream::AssignmentPolicy& policy, std::uint64_t came);
  void on_fetch_timeout() override;
  const DeliveryContext& c_;
  /// The name that it goes by there.
  const std::string& assignment() const noexcept { return service_.empty() ? cluster_ : service_; }
  std::string cluster_, service_;  // service_: when that is another
  std::uint64_t asked_;            // bytes_hash() of what the cluster says of EDS
  bool settled_ = false, told_ = false;
  std::uint64_t content_ = 0, came_ = 0;  // of the members that are known; came_: bytes_hash()
  upstream::EndpointsPtr endpoints_;
  upstream::AssignmentPolicy policy_;
  stats::LeasePtr lease_;
  stats::BlockHandle stats_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace outrigger::xds
