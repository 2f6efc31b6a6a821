// The hosts of one subset on one worker, and how one of them is picked: as the cluster's policy says, by hash, or there is
// but one. Owned by SubsetBalancer.
#pragma once
#include <memory>
#include <vector>
#include "proxy/upstream/hash_balancer.h"
#include "proxy/upstream/load_balancer.h"

namespace outrigger::upstream {

class SubsetHosts {
 public:
  /// `single`: the first host of the first priority is the one, whatever its health.
  SubsetHosts(const ClusterShared& cluster, runtime::ThreadContext& thread, bool single);
  /// `whole`: how many hosts localities have in the whole cluster, when their weights go by what of them is here.
  void update(const std::vector<Host*>& hosts, const AssignmentPolicy& policy, const LocalitySizes* whole);
  /// Null: none.
  Host* pick(const PickContext& c);

 private:
  /// Tables of a subset are made when it is first asked after an update: most workers use few of them.
  struct Hashed {
    HashBalancer balancer;
    std::vector<Host*> hosts;
    AssignmentPolicy policy;
    bool stale = true;
  };
  void build_tables();
  const ClusterShared& cluster_;
  runtime::ThreadContext& thread_;
  bool single_;
  Host* one_ = nullptr;
  std::unique_ptr<LoadBalancer> balancer_;  // one of these, or neither
  std::unique_ptr<Hashed> hashed_;
};

}  // namespace outrigger::upstream
