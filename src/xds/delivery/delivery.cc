#include "xds/delivery/delivery.h"

#include <algorithm>
#include "proxy/base/log.h"

namespace outrigger::xds {

using envoy::config::cluster::v3::Cluster;

Delivery::Delivery(server::Server& server, Sources& sources)
    : server_(server),
      sources_(sources),
      context_{server, sources},
      filters_(context_),
      routes_(context_),
      scopes_(context_, routes_),
      subscriptions_(routes_, scopes_, filters_),
      clusters_(context_),
      on_demand_(context_, clusters_),
      listeners_(context_, subscriptions_) {
  filters_.set_subscriptions(subscriptions_);
}
Delivery::~Delivery() = default;

void Delivery::prepare(const envoy::config::bootstrap::v3::Bootstrap& b, CompileContext& c) {
  const Path root;
  const auto& d = b.dynamic_resources();
  const Path dynamic = root / "dynamic_resources";
  if (d.has_ads_config()) sources_.set_ads(d.ads_config(), dynamic / "ads_config", c.problems);
  c.check_source = [this](const ConfigSource& s, const Path& at, Problems& problems) { return sources_.check(s, at, problems); };
  c.demand_clusters = [this](const ConfigSource& s, const std::string& collection, const Path& at, Problems& problems) {
    return on_demand_.demand(s, collection, at, problems);
  };
  subscriptions_.collect(c, static_uses_);
  prepare_runtime(b.layered_runtime(), c);
  if (d.has_cds_config()) {
    cds_ = d.cds_config();
    has_cds_ = sources_.check(cds_, dynamic / "cds_config", c.problems);
  }
  if (d.has_lds_config()) {
    lds_ = d.lds_config();
    has_lds_ = sources_.check(lds_, dynamic / "lds_config", c.problems);
  }
  for (const auto& cluster : b.static_resources().clusters())
    if (cluster.type() == Cluster::EDS && !cluster.has_cluster_type()) static_eds_.push_back(cluster);
}

void Delivery::prepare_runtime(const envoy::config::bootstrap::v3::LayeredRuntime& p, CompileContext& c) {
  const Path root, at = root / "layered_runtime";
  for (int i = 0; i < p.layers_size(); ++i) {
    if (!p.layers(i).has_rtds_layer()) continue;
    const auto& layer = p.layers(i).rtds_layer();
    if (sources_.check(layer.rtds_config(), at.at("layers", i) / "rtds_layer" / "rtds_config", c.problems))
      layers_.push_back({static_cast<std::size_t>(i), layer.name(), layer.rtds_config()});
  }
}

void Delivery::keep(const CompileContext& c) {
  auto base = std::make_unique<CompileContext>(c.with(unused_));
  if (c.upstream_bind != nullptr) {
    upstream_bind_ = std::make_unique<envoy::config::core::v3::BindConfig>(*c.upstream_bind);
    base->upstream_bind = upstream_bind_.get();
  }
  limits_ = std::make_unique<RegexLimits>(
      [this](std::string_view key, std::uint64_t fallback) { return server_.runtime().integer(key, fallback); });
  base->cluster_known = [this](std::string_view name) { return server_.clusters().known(name); };
  base->subscribe_routes = nullptr;
  base->subscribe_filter = nullptr;
  base->subscribe_scopes = nullptr;
  context_.base = std::move(base);
  for (const auto& cluster : static_eds_) clusters_.add_static(cluster);
  static_eds_.clear();
}

void Delivery::start(std::function<void()> done) {
  done_ = std::move(done);
  for (auto& layer : layers_) runtime_.push_back(std::make_unique<RuntimeDelivery>(context_, std::move(layer)));
  layers_.clear();
  start_clusters();
}

/// Once all layers of the runtime are there.
void Delivery::start_clusters() {
  for (const auto& r : runtime_)
    if (!r->settled()) return r->on_progress([this] { start_clusters(); });
  if (!has_cds_) return start_listeners();
  clusters_.start(cds_, [this] { server_.clusters().when_warm([this] { start_listeners(); }); });
}

void Delivery::start_listeners() {
  LOG_INFO(logger::upstream, "cm init: all clusters initialized");
  clusters_.answer_when_warm();
  if (!has_lds_) return finish();
  listeners_.start(lds_, [this] { listeners_.when_warm([this] { finish(); }); });
}

/// Once the listeners of the bootstrap have their routes and filters too.
void Delivery::finish() {
  for (const auto& r : static_uses_.routes)
    if (!r->settled()) return r->on_progress([this] { finish(); });
  for (const auto& f : static_uses_.filters)
    if (!f->settled()) return f->on_progress([this] { finish(); });
  if (done_) std::exchange(done_, nullptr)();
}

}  // namespace outrigger::xds
