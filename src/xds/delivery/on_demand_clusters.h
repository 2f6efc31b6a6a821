// Clusters that come when a request asks for them: names from the workers' filters are asked of the config source that
// the filter names, what comes joins the clusters of CDS. A name is waited for as long as the filter says, and stays
// asked for afterwards: it may come later. Main thread; owned by Delivery.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <string>
#include "proxy/base/demand.h"
#include "proxy/base/parking.h"
#include "xds/delivery/clusters.h"

namespace outrigger::xds {

class OnDemandClusters {
 public:
  OnDemandClusters(const DeliveryContext& c, ClusterDelivery& clusters);
  ~OnDemandClusters();
  /// Asks that source, by name or for all of an xdstp: collection (empty: none). Null: it cannot be used; told.
  DemandPtr demand(const ConfigSource& source, const std::string& collection, const Path& at, Problems& problems);

 private:
  class Source;
  void want(Source& source, const std::string& name, Duration patience);
  void on_late(const std::string& name);
  void give_up(const std::string& name, Arrival why);
  void wake(const std::string& name, Arrival a);
  const DeliveryContext& c_;
  ClusterDelivery& clusters_;
  std::map<std::string, std::shared_ptr<Source>> sources_;  // by config
  struct Wait {
    std::unique_ptr<event::Timer> end;
    Source* source;
  };
  std::map<std::string, Wait> waits_;  // what requests wait for
  struct GivenUp {
    std::string name;
    Source* source;
  };
  std::deque<GivenUp> given_up_;  // still asked for; the oldest first
};

}  // namespace outrigger::xds
