#include "filters/on_demand.h"

#include "proxy/hcm/stream.h"

namespace outrigger::filters {

using hcm::FilterStatus;

namespace {

class OnDemand final : public hcm::HttpFilter, private Parked {
 public:
  OnDemand(hcm::Stream& stream, const OnDemandFactory& factory, const OnDemandConfig& config)
      : HttpFilter(stream), factory_(factory), config_(config) {}

  FilterStatus on_request_head(http::RequestHead&, bool) override {
    if ((awaits_routes_ = lacks_route())) return FilterStatus::stop;
    return lacks_cluster() ? FilterStatus::stop : FilterStatus::go_on;
  }
  void on_stream_end() override { leave(); }

 private:
  /// True: the routes of the request's scope, or its virtual host are asked for.
  bool lacks_route() {
    if (stream_.route() != nullptr || stream_.reran()) return false;
    const auto* routes = stream_.route_config();
    if (const auto* scopes = stream_.config().scopes.get(); scopes != nullptr && routes == nullptr) return lacks_scope(*scopes);
    const auto* source = stream_.route_source();
    if (source == nullptr || routes == nullptr || routes->more_hosts == nullptr) return false;
    const auto host = stream_.arena().lower_copy(stream_.request().authority);
    const auto place = source->awaited_hosts(stream_.worker().index).park(host, *this);
    if (place == Parking::Place::first) routes->more_hosts->ask(host, {});
    return place != Parking::Place::full;
  }

  bool lacks_scope(const hcm::ScopeSource& scopes) {
    const auto* scope = stream_.scope();
    if (scope == nullptr || scopes.demand == nullptr) return false;
    const auto place = scopes.awaited(stream_.worker().index).park(scope->name, *this);
    if (place == Parking::Place::first) scopes.demand->ask(scope->name, {});
    return place != Parking::Place::full;
  }

  /// True: it is asked for. With no place to wait in the request goes on, and the router says what is missing.
  bool lacks_cluster() {
    const auto* r = stream_.route();
    if (r == nullptr || r->kind != route::Route::forward) return false;
    const auto* o = stream_.override_for(factory_.name);
    const auto* own = o == nullptr ? nullptr : o->as<OnDemandConfig>();
    const OnDemandConfig& config = own == nullptr ? config_ : *own;
    const auto name = stream_.chosen().cluster;
    auto& worker = stream_.worker();
    if (config.clusters == nullptr || name.empty() || worker.clusters.find(name) != nullptr) return false;
    const auto place = worker.awaited_clusters.park(name, *this);
    if (place == Parking::Place::first) config.clusters->ask(name, config.patience);
    return place != Parking::Place::full;
  }

  /// With another route other filters may be wanted, or other configs of theirs.
  void on_arrival(Arrival a) override {
    if (awaits_routes_ && a == Arrival::came) return stream_.rerun_request(*this);
    stream_.continue_request(*this);
  }

  const OnDemandFactory& factory_;
  const OnDemandConfig& config_;
  bool awaits_routes_ = false;
};

}  // namespace

hcm::HttpFilter* OnDemandFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<OnDemand>(stream, *this, *config_);
}

}  // namespace outrigger::filters
