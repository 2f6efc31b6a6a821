// All that comes after the bootstrap: brings up what its dynamic_resources name, in Envoy's order (layers of the runtime,
// clusters, their members, listeners, their routes), and keeps it in step with what the sources tell. Main thread; owned by
// main(), goes before the server.
#pragma once
#include <functional>
#include <memory>
#include <vector>
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "xds/compile/regex_limits.h"
#include "xds/delivery/clusters.h"
#include "xds/delivery/filters.h"
#include "xds/delivery/listeners.h"
#include "xds/delivery/routes.h"
#include "xds/delivery/runtime.h"
#include "xds/delivery/on_demand_clusters.h"
#include "xds/delivery/scopes.h"

namespace outrigger::xds {

class Delivery {
 public:
  Delivery(server::Server& server, Sources& sources);
  ~Delivery();
  /// Before the bootstrap is compiled with `c`: what it says of sources is checked, and what it compiles may use them.
  void prepare(const envoy::config::bootstrap::v3::Bootstrap& b, CompileContext& c);
  /// After it, before the server starts: what comes later is compiled like it.
  void keep(const CompileContext& c);
  /// The clusters of the bootstrap are warm: the rest, and then `done`.
  void start(std::function<void()> done);

  const ClusterDelivery& clusters() const noexcept { return clusters_; }
  const ListenerDelivery& listeners() const noexcept { return listeners_; }
  const RouteDeliveries& routes() const noexcept { return routes_; }
  const FilterDeliveries& filters() const noexcept { return filters_; }
  const std::vector<std::unique_ptr<RuntimeDelivery>>& runtime() const noexcept { return runtime_; }
  const ScopeDeliveries& scopes() const noexcept { return scopes_; }
  const Sources& sources() const noexcept { return sources_; }
  /// Null: nothing has been compiled.
  const NotActive* not_active() const noexcept { return context_.base == nullptr ? nullptr : context_.base->not_active.get(); }

 private:
  void prepare_runtime(const envoy::config::bootstrap::v3::LayeredRuntime& p, CompileContext& c);
  void start_clusters();
  void start_listeners();
  void finish();
  server::Server& server_;
  Sources& sources_;
  Problems unused_;
  std::unique_ptr<RegexLimits> limits_;
  std::unique_ptr<envoy::config::core::v3::BindConfig> upstream_bind_;
  DeliveryContext context_;
  ConfigSource cds_, lds_;
  bool has_cds_ = false, has_lds_ = false;
  std::vector<envoy::config::cluster::v3::Cluster> static_eds_;
  FilterDeliveries filters_;
  Uses static_uses_;
  std::function<void()> done_;
  std::vector<RuntimeDelivery::Config> layers_;
  std::vector<std::unique_ptr<RuntimeDelivery>> runtime_;
  RouteDeliveries routes_;
  ScopeDeliveries scopes_;
  Subscriptions subscriptions_;
  ClusterDelivery clusters_;
  OnDemandClusters on_demand_;
  ListenerDelivery listeners_;
};

}  // namespace outrigger::xds
