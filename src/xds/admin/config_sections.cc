#include "xds/admin/config_sections.h"

#include <algorithm>
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "proxy/base/time_text.h"
#include "xds/admin/endpoints.h"

namespace outrigger::xds {

namespace pb = google::protobuf;
using envoy::config::bootstrap::v3::Bootstrap;
using envoy::config::cluster::v3::Cluster;
using envoy::config::listener::v3::Listener;
using envoy::config::route::v3::RouteConfiguration;
using envoy::config::route::v3::ScopedRouteConfiguration;
using Manager = envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

bool DumpSection::has(const std::string& list) const { return std::find(lists.begin(), lists.end(), list) != lists.end(); }

namespace {

template <class M>
std::shared_ptr<pb::Message> parsed(const std::string& bytes) {
  auto m = std::make_shared<M>();
  m->ParseFromString(bytes);
  return m;
}

DumpSection clusters_section(const Bootstrap& b, const server::Server& server, const Delivery& delivery,
                             const std::string& started) {
  DumpSection s{"ClustersConfigDump",
                delivery.clusters().version(),
                {"static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters"},
                {"ClustersConfigDump.StaticCluster", "ClustersConfigDump.DynamicCluster", "ClustersConfigDump.DynamicCluster"},
                "cluster"};
  for (const auto& c : b.static_resources().clusters())
    s.items.push_back({c.name(), 0, std::make_shared<Cluster>(c), "", started});
  std::sort(s.items.begin(), s.items.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (const auto& [name, k] : delivery.clusters().known()) {
    const bool warming = server.clusters().is_warming(name);
    if (warming && k.serving != nullptr)
      s.items.push_back({name, 1, parsed<Cluster>(k.serving->bytes), k.serving->version, time_text(k.serving->updated)});
    s.items.push_back({name, warming ? 2u : 1u, parsed<Cluster>(k.bytes), k.version, time_text(k.updated)});
  }
  return s;
}

DumpSection endpoints_section(const server::Server& server) {
  DumpSection s{"EndpointsConfigDump",
                "",
                {"static_endpoint_configs", "dynamic_endpoint_configs"},
                {"EndpointsConfigDump.StaticEndpointConfig", "EndpointsConfigDump.DynamicEndpointConfig"},
                "endpoint_config"};
  for (auto& e : endpoints_of(server)) {
    const std::string name = e.assignment.cluster_name();
    s.items.push_back(
        {name, e.dynamic ? 1u : 0u, std::make_shared<endpoint_v3::ClusterLoadAssignment>(std::move(e.assignment)), "", ""});
  }
  return s;
}

DumpSection listeners_section(const Bootstrap& b, const Delivery& delivery, const std::string& started) {
  DumpSection s{"ListenersConfigDump",
                delivery.listeners().version(),
                {"static_listeners", kDynamicListeners},
                {"ListenersConfigDump.StaticListener", "ListenersConfigDump.DynamicListener"},
                "listener"};
  for (const auto& l : b.static_resources().listeners())
    s.items.push_back({l.name(), 0, std::make_shared<Listener>(l), "", started});
  for (const auto& [name, k] : delivery.listeners().known()) {
    DumpListener d{name, {}, nullptr, "", k.refusal, k.refused_version};
    const auto add = [&](const char* state, const ListenerDelivery::Version* v) {
      if (v != nullptr)
        d.states.emplace_back(state, DumpItem{name, 1, parsed<Listener>(v->bytes), v->version, time_text(v->updated)});
    };
    add("active_state", k.active.get());
    add("warming_state", k.warming.get());
    // Of several that drain Envoy shows the oldest.
    const auto whole = std::find_if(k.draining.begin(), k.draining.end(), [](const auto& v) { return !v->in_place; });
    if (whole != k.draining.end()) add("draining_state", whole->get());
    if (!k.refusal.empty()) d.refused = parsed<Listener>(k.refused_bytes), d.refused_at = time_text(k.refused);
    if (!d.states.empty() || d.refused != nullptr) s.listeners.push_back(std::move(d));
  }
  return s;
}

void add_static_routes(const envoy::config::listener::v3::FilterChain& chain, const std::string& started, DumpSection& s) {
  for (const auto& f : chain.filters()) {
    if (!f.typed_config().Is<Manager>()) continue;
    Manager m;
    if (!f.typed_config().UnpackTo(&m) || !m.has_route_config()) continue;
    s.items.push_back({m.route_config().name(), 0, std::make_shared<RouteConfiguration>(m.route_config()), "", started});
  }
}

void add_static_routes(const Listener& l, const std::string& updated, DumpSection& s) {
  for (const auto& chain : l.filter_chains()) add_static_routes(chain, updated, s);
  if (l.has_default_filter_chain()) add_static_routes(l.default_filter_chain(), updated, s);
}

void add_inline_scopes(const envoy::config::listener::v3::FilterChain& chain, const std::string& updated, DumpSection& s) {
  for (const auto& f : chain.filters()) {
    Manager m;
    if (!f.typed_config().Is<Manager>() || !f.typed_config().UnpackTo(&m)) continue;
    if (!m.scoped_routes().has_scoped_route_configurations_list()) continue;
    DumpScopes d{m.scoped_routes().name(), 0, {}, "", updated};
    for (const auto& scope : m.scoped_routes().scoped_route_configurations_list().scoped_route_configurations())
      d.scopes.push_back(std::make_shared<ScopedRouteConfiguration>(scope));
    s.scopes.push_back(std::move(d));
  }
}

void add_inline_scopes(const Listener& l, const std::string& updated, DumpSection& s) {
  for (const auto& chain : l.filter_chains()) add_inline_scopes(chain, updated, s);
  if (l.has_default_filter_chain()) add_inline_scopes(l.default_filter_chain(), updated, s);
}

DumpSection scopes_section(const Bootstrap& b, const Delivery& delivery, const std::string& started) {
  DumpSection s{"ScopedRoutesConfigDump",
                "",
                {"inline_scoped_route_configs", "dynamic_scoped_route_configs"},
                {"ScopedRoutesConfigDump.InlineScopedRouteConfigs", "ScopedRoutesConfigDump.DynamicScopedRouteConfigs"},
                "scoped_route_configs"};
  for (const auto& l : b.static_resources().listeners()) add_inline_scopes(l, started, s);
  for (const auto& [name, k] : delivery.listeners().known()) {
    Listener l;
    if (k.active != nullptr && l.ParseFromString(k.active->bytes)) add_inline_scopes(l, time_text(k.active->updated), s);
  }
  delivery.scopes().each([&](const ScopeDelivery& from) {
    if (!from.arrived()) return;
    DumpScopes d{from.name(), 1, {}, from.version(), time_text(from.updated())};
    for (const auto& [name, k] : from.known()) d.scopes.push_back(parsed<ScopedRouteConfiguration>(k.bytes));
    s.scopes.push_back(std::move(d));
  });
  return s;
}

DumpSection routes_section(const Bootstrap& b, const Delivery& delivery, const std::string& started) {
  DumpSection s{"RoutesConfigDump",
                "",
                {"static_route_configs", "dynamic_route_configs"},
                {"RoutesConfigDump.StaticRouteConfig", "RoutesConfigDump.DynamicRouteConfig"},
                "route_config"};
  for (const auto& l : b.static_resources().listeners()) add_static_routes(l, started, s);
  for (const auto& [name, k] : delivery.listeners().known()) {
    Listener l;
    if (k.active != nullptr && l.ParseFromString(k.active->bytes)) add_static_routes(l, time_text(k.active->updated), s);
  }
  delivery.routes().each([&](const RouteDelivery& r) {
    if (r.bytes().empty()) return;
    s.items.push_back({r.name(), 1, parsed<RouteConfiguration>(r.bytes()), r.version(), time_text(r.updated())});
  });
  return s;
}

DumpSection filters_section(const Delivery& delivery, LateFilter::Kind kind) {
  DumpSection s{"EcdsConfigDump", "", {"ecds_filters"}, {"EcdsConfigDump.EcdsFilterConfig"}, "ecds_filter"};
  delivery.filters().each([&](const FilterDelivery& f) {
    if (f.bytes().empty() || f.kind() != kind) return;
    s.items.push_back(
        {f.name(), 0, parsed<envoy::config::core::v3::TypedExtensionConfig>(f.bytes()), f.version(), time_text(f.updated())});
  });
  return s;
}

}  // namespace

std::vector<DumpSection> dump_sections(const Bootstrap& b, const server::Server& server, const Delivery& delivery,
                                       const std::string& started, bool endpoints) {
  std::vector<DumpSection> all;
  all.push_back(clusters_section(b, server, delivery, started));
  for (const auto kind : {LateFilter::Kind::http, LateFilter::Kind::network, LateFilter::Kind::listener})
    if (delivery.filters().any(kind)) all.push_back(filters_section(delivery, kind));
  if (endpoints) all.push_back(endpoints_section(server));
  all.push_back(listeners_section(b, delivery, started));
  all.push_back(scopes_section(b, delivery, started));
  all.push_back(routes_section(b, delivery, started));
  all.push_back({kSecretsDump, "", {"static_secrets", "dynamic_active_secrets", "dynamic_warming_secrets"}, {}, ""});
  return all;
}

}  // namespace outrigger::xds
