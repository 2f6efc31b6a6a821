// SRDS: the scopes of a connection manager as a config source tells them, each with the route configuration that it names;
// of those on demand that is asked for when a request needs it. Main thread; owned by the listeners that use it.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include "envoy/config/route/v3/scoped_route.pb.h"
#include "proxy/hcm/scopes.h"
#include "xds/delivery/routes.h"

namespace outrigger::xds {

using envoy::extensions::filters::network::http_connection_manager::v3::ScopedRoutes;

class ScopeDelivery final : public RouteUse, private WatchEvents, public std::enable_shared_from_this<ScopeDelivery> {
 public:
  ScopeDelivery(const DeliveryContext& c, RouteDeliveries& routes, ScopedRoutes config, std::string stat_prefix);
  ~ScopeDelivery() override;
  void start();  // once, after it was made
  const std::shared_ptr<hcm::ScopeSource>& source() const noexcept { return source_; }

  // RouteUse
  bool settled() const noexcept override;
  bool arrived() const noexcept override { return came_; }
  bool refused() const noexcept override { return refused_; }
  const std::string& name() const noexcept override { return config_.name(); }
  std::string target() const override { return "ScopedRdsConfigSubscription init " + name(); }
  void on_progress(std::function<void()> f) override { told_.push_back(std::move(f)); }

  // For pages.
  struct Known {
    std::uint64_t content = 0;
    std::string bytes, key;
    bool on_demand = false;
    RouteDeliveryPtr routes;                         // null: nobody has asked for them, or they are in it
    std::shared_ptr<const hcm::RouteSource> inside;  // of routes that are in it
    stats::LeasePtr lease;                           // of those
  };
  const std::map<std::string, Known>& known() const noexcept { return known_; }
  const std::string& version() const noexcept { return version_; }
  WallTime updated() const noexcept { return updated_; }

 private:
  using ScopedRouteConfiguration = envoy::config::route::v3::ScopedRouteConfiguration;
  Result<void> on_update(const Update& u) override;
  void on_fetch_timeout() override;
  Result<void> take(const Update& u);
  Result<void> apply(std::map<std::string, Known> next, const std::vector<const ScopedRouteConfiguration*>& changed);
  Result<void> fill(Known& k, const ScopedRouteConfiguration& m);
  void subscribe(const std::string& name, Known& k);
  void want(const std::string& name);
  void on_routes(const std::string& name);
  void publish();
  void wake(const std::string& name) const;
  void tell_progress();
  const DeliveryContext& c_;
  RouteDeliveries& routes_;
  const ScopedRoutes config_;
  const std::string stat_prefix_;
  std::shared_ptr<hcm::ScopeSource> source_;
  std::map<std::string, Known> known_;
  std::set<std::string> waited_for_;  // scopes whose routes requests wait for
  bool answered_ = false, came_ = false, refused_ = false;
  std::string version_;
  WallTime updated_{};
  std::vector<std::function<void()>> told_;
  stats::LeasePtr lease_;
  stats::BlockHandle stats_;
  std::unique_ptr<Watch> watch_;
};
using ScopeDeliveryPtr = std::shared_ptr<ScopeDelivery>;

class ScopeDeliveries {
 public:
  ScopeDeliveries(const DeliveryContext& c, RouteDeliveries& routes) : c_(c), routes_(routes) {}
  /// Found or made.
  ScopeDeliveryPtr get(const ScopedRoutes& config, const std::string& stat_prefix);
  void each(const std::function<void(const ScopeDelivery&)>& f) const { all_.each(f); }

 private:
  const DeliveryContext& c_;
  RouteDeliveries& routes_;
  SharedByKey<ScopeDelivery> all_;  // by config
};

}  // namespace outrigger::xds
