#include "world.h"

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"

namespace outrigger::bench {

namespace {

using Address = envoy::config::core::v3::Address;
using Assignment = envoy::config::endpoint::v3::ClusterLoadAssignment;
using Cluster = envoy::config::cluster::v3::Cluster;
using Listener = envoy::config::listener::v3::Listener;
using Manager = envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using Routes = envoy::config::route::v3::RouteConfiguration;

template <class Message>
Made made(std::string name, const Message& m) {
  return {std::move(name), m.SerializeAsString()};
}

void set(Address& a, const std::string& host, std::uint16_t port) {
  a.mutable_socket_address()->set_address(host);
  a.mutable_socket_address()->set_port_value(port);
}

std::string cluster_name(unsigned i) { return "outbound|8080||service-" + std::to_string(i) + ".bench.svc.cluster.local"; }

/// The name of the first cluster's endpoints changes with it.
std::string service_name(const World& w, unsigned i) {
  return i == 0 && w.cluster > 0 ? cluster_name(0) + "/" + std::to_string(w.cluster) : cluster_name(i);
}

Assignment assignment(const World& w, unsigned i) {
  Assignment o;
  o.set_cluster_name(w.eds ? service_name(w, i) : cluster_name(i));
  auto& group = *o.add_endpoints();
  const bool real = i == 0 || i + 1 == w.clusters;
  const bool other = i == 0 && (w.moved != (w.cluster % 2 == 1));
  for (unsigned k = 0; k < (real ? 1 : w.endpoints); ++k) {
    auto& address = *group.add_lb_endpoints()->mutable_endpoint()->mutable_address();
    if (real)
      set(address, "127.0.0.1", other ? w.other : w.upstream);
    else
      set(address, "10." + std::to_string(i / 250 + 1) + "." + std::to_string(i % 250 + 1) + "." + std::to_string(k + 1), 8080);
  }
  return o;
}

Cluster cluster(const World& w, unsigned i) {
  Cluster o;
  o.set_name(cluster_name(i));
  o.mutable_connect_timeout()->set_seconds(5);
  o.mutable_connect_timeout()->set_nanos(static_cast<int>(w.salt * 1000000));
  if (!w.eds) {
    *o.mutable_load_assignment() = assignment(w, i);
    return o;
  }
  o.set_type(Cluster::EDS);
  o.mutable_eds_cluster_config()->mutable_eds_config()->mutable_ads();
  o.mutable_eds_cluster_config()->mutable_eds_config()->set_resource_api_version(envoy::config::core::v3::V3);
  o.mutable_eds_cluster_config()->set_service_name(service_name(w, i));
  return o;
}

Listener listener(const World& w) {
  Manager m;
  m.set_stat_prefix("bench");
  auto& rds = *m.mutable_rds();
  rds.set_route_config_name("routes");
  rds.mutable_config_source()->mutable_ads();
  rds.mutable_config_source()->set_resource_api_version(envoy::config::core::v3::V3);
  auto& router = *m.add_http_filters();
  router.set_name("envoy.filters.http.router");
  router.mutable_typed_config()->PackFrom(envoy::extensions::filters::http::router::v3::Router());
  Listener o;
  o.set_name("http");
  set(*o.mutable_address(), "127.0.0.1", w.listener);
  auto& filter = *o.add_filter_chains()->add_filters();
  filter.set_name("envoy.filters.network.http_connection_manager");
  filter.mutable_typed_config()->PackFrom(m);
  return o;
}

/// A request without a name of a cluster goes to the first.
Routes routes(const World& w) {
  Routes o;
  o.set_name("routes");
  for (unsigned i = 0; i < w.clusters; ++i) {
    auto& host = *o.add_virtual_hosts();
    host.set_name(cluster_name(i));
    host.add_domains("service-" + std::to_string(i) + ".test");
    auto& route = *host.add_routes();
    route.mutable_match()->set_prefix("/");
    route.mutable_route()->set_cluster(cluster_name(i));
    if (i != 0) continue;
    host.add_domains("*");
    for (const auto& [key, value] : {std::pair("x-route", std::to_string(w.route)), {"x-from", "%UPSTREAM_REMOTE_ADDRESS%"}}) {
      auto& header = *host.add_response_headers_to_add()->mutable_header();
      header.set_key(key);
      header.set_value(value);
    }
  }
  return o;
}

template <class Message>
Kind kind(bool wildcard) {
  static const std::string name = Message::descriptor()->full_name();
  return {name.c_str(), wildcard, {}};
}

}  // namespace

std::string key_of(const World& w) {
  std::string key;
  for (const unsigned part : {w.clusters, w.endpoints, unsigned{w.eds}, w.salt, w.route, w.cluster, unsigned{w.listener},
                              unsigned{w.upstream}, unsigned{w.other}, unsigned{w.moved}})
    key += std::to_string(part) + ",";
  return key;
}

std::vector<Kind> make(const World& w) {
  std::vector<Kind> all{kind<Cluster>(true), kind<Assignment>(false), kind<Listener>(true), kind<Routes>(false)};
  for (unsigned i = 0; i < w.clusters; ++i) {
    all[0].resources.push_back(made(cluster_name(i), cluster(w, i)));
    if (w.eds) all[1].resources.push_back(made(service_name(w, i), assignment(w, i)));
  }
  if (w.listener != 0) {
    all[2].resources.push_back(made("http", listener(w)));
    all[3].resources.push_back(made("routes", routes(w)));
  }
  return all;
}

}  // namespace outrigger::bench
