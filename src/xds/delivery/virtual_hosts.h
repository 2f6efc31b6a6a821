// VHDS: the virtual hosts of one route configuration beside its own, as a config source tells them: all that it has, and
// those that requests ask for by their host. Main thread; owned by the delivery of the route configuration.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include "envoy/config/route/v3/route.pb.h"
#include "xds/delivery/context.h"

namespace outrigger::xds {

class HostDelivery final : private WatchEvents {
 public:
  using Hosts = std::map<std::string, envoy::config::route::v3::VirtualHost>;  // by the name of the resource
  struct Owner {
    /// What is to serve from now on. An error refuses it.
    std::function<Result<void>(const Hosts&, const std::string& version)> publish;
    /// Requests for these hosts (as they were asked for) go on.
    std::function<void(std::vector<std::string> hosts)> answered;
    /// The first answer came, or was waited for long enough.
    std::function<void()> settled;
  };
  /// `prefix`: of the stats.
  HostDelivery(const DeliveryContext& c, const ConfigSource& source, const std::string& routes, const std::string& prefix,
               Owner owner);
  ~HostDelivery();
  /// Can virtual hosts come from there? Told if not.
  static bool check(const DeliveryContext& c, const ConfigSource& source, const Path& at, Problems& problems);
  void want(const std::string& host);
  const Hosts& hosts() const noexcept { return hosts_; }
  bool settled() const noexcept { return settled_; }
  /// Hosts that were asked for, and no answer came.
  std::vector<std::string> waited_for() const;

 private:
  Result<void> on_update(const Update& u) override;
  Result<void> take(const Update& u);
  void on_fetch_timeout() override { settle(); }
  void settle();
  void forget_oldest();
  std::string host_of(const std::string& name) const { return name.substr(space_.size()); }
  bool is_here(const std::string& name) const;
  const DeliveryContext& c_;
  std::string space_;  // what the names begin with: the route configuration's and a slash
  Owner owner_;
  Hosts hosts_;
  std::map<std::string, std::string> aliases_;  // names that were asked for, of resources of another name
  std::set<std::string> names_;                 // asked for
  std::set<std::string> answered_;              // of them: what came or was said not to be
  std::deque<std::string> asked_;               // the same as names_, the oldest first
  bool settled_ = false;
  stats::LeasePtr lease_;
  stats::BlockHandle stats_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace outrigger::xds
