#include "control_plane/references.h"

#include <google/protobuf/any.pb.h>
#include <memory>
#include <vector>
#include "control_plane/resources.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/listener/v3/listener_components.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/config/route/v3/scoped_route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "xds/load/any_type.h"

namespace outrigger::control_plane {

namespace pb = google::protobuf;
using envoy::config::cluster::v3::Cluster;
using envoy::config::core::v3::ConfigSource;
using xds::Path;

namespace {

constexpr int kDepthMax = 100;

/// From this control plane, as far as can be seen.
bool from_here(const ConfigSource& s) { return s.has_ads() || s.has_api_config_source(); }

class Finder {
 public:
  explicit Finder(const FoundReference& found) : found_(found) {}

  void message(const pb::Message& m, const Path& at) {
    if (depth_ >= kDepthMax) return;
    ++depth_;
    if (m.GetDescriptor() == pb::Any::descriptor()) {
      any(static_cast<const pb::Any&>(m), at);
    } else {
      itself(m, at);
      fields(m, at);
    }
    --depth_;
  }

 private:
  void cluster(const std::string& name, const Path& at) {
    if (!name.empty()) found_(kClusters, name, at);
  }
  /// One that comes by SRDS.
  void routes_of(const envoy::config::route::v3::ScopedRouteConfiguration& scope, const Path& at) {
    const std::string& name = scope.route_configuration_name();
    if (!name.empty()) found_(kRoutes, name, at / "route_configuration_name");
  }
  template <class M>
  static const M* as(const pb::Message& m) {
    return m.GetDescriptor() == M::descriptor() ? static_cast<const M*>(&m) : nullptr;
  }
  void itself(const pb::Message& m, const Path& at) {
    namespace listener_v3 = envoy::config::listener::v3;
    namespace route_v3 = envoy::config::route::v3;
    namespace hcm_v3 = envoy::extensions::filters::network::http_connection_manager::v3;
    namespace tcp_v3 = envoy::extensions::filters::network::tcp_proxy::v3;
    namespace tls_v3 = envoy::extensions::transport_sockets::tls::v3;
    if (const auto* action = as<route_v3::RouteAction>(m))
      cluster(action->cluster(), at / "cluster");
    else if (const auto* mirror = as<route_v3::RouteAction::RequestMirrorPolicy>(m))
      cluster(mirror->cluster(), at / "cluster");
    else if (const auto* weight = as<route_v3::WeightedCluster::ClusterWeight>(m))
      cluster(weight->name(), at / "name");
    else if (const auto* tcp = as<tcp_v3::TcpProxy>(m))
      cluster(tcp->cluster(), at / "cluster");
    else if (const auto* tcp_weight = as<tcp_v3::TcpProxy::WeightedCluster::ClusterWeight>(m))
      cluster(tcp_weight->name(), at / "name");
    else if (const auto* rds = as<hcm_v3::Rds>(m); rds != nullptr && from_here(rds->config_source()))
      found_(kRoutes, rds->route_config_name(), at / "route_config_name");
    else if (const auto* sds = as<tls_v3::SdsSecretConfig>(m); sds != nullptr && from_here(sds->sds_config()))
      found_(kSecrets, sds->name(), at / "name");
    else if (const auto* filter = as<hcm_v3::HttpFilter>(m);
             filter != nullptr && filter->has_config_discovery() && from_here(filter->config_discovery().config_source()))
      found_(kExtensions, filter->name(), at / "name");
    else if (const auto* network = as<listener_v3::Filter>(m);
             network != nullptr && network->has_config_discovery() && from_here(network->config_discovery().config_source()))
      found_(kExtensions, network->name(), at / "name");
    else if (const auto* first = as<listener_v3::ListenerFilter>(m);
             first != nullptr && first->has_config_discovery() && from_here(first->config_discovery().config_source()))
      found_(kExtensions, first->name(), at / "name");
    else if (const auto* scope = as<route_v3::ScopedRouteConfiguration>(m); scope != nullptr && depth_ == 1)
      routes_of(*scope, at);
    else if (const auto name = endpoints_of(m); !name.empty())
      found_(kEndpoints, name, at / "eds_cluster_config");
  }

  void fields(const pb::Message& m, const Path& at) {
    const auto* r = m.GetReflection();
    std::vector<const pb::FieldDescriptor*> set;
    r->ListFields(m, &set);
    for (const auto* f : set) {
      if (f->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
      if (!f->is_repeated()) {
        message(r->GetMessage(m, f), at / f->name());
        continue;
      }
      for (int i = 0; i < r->FieldSize(m, f); ++i) {
        const auto& item = r->GetRepeatedMessage(m, f, i);
        if (!f->is_map()) {
          message(item, at.at(f->name(), i));
          continue;
        }
        const auto* value = item.GetDescriptor()->map_value();
        if (value->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE)
          message(item.GetReflection()->GetMessage(item, value), at / f->name());
      }
    }
  }

  void any(const pb::Any& a, const Path& at) {
    const auto* d = xds::find_any_type(a.type_url());
    if (d == nullptr) return;
    const std::unique_ptr<pb::Message> inner(pb::MessageFactory::generated_factory()->GetPrototype(d)->New());
    if (inner->ParsePartialFromString(a.value())) message(*inner, at);
  }

  const FoundReference& found_;
  int depth_ = 0;
};

}  // namespace

void find_references(const pb::Message& m, const Path& at, const FoundReference& found) { Finder(found).message(m, at); }

std::string endpoints_of(const pb::Message& m) {
  if (m.GetDescriptor() != Cluster::descriptor()) return {};
  const auto& c = static_cast<const Cluster&>(m);
  if (c.type() != Cluster::EDS || c.has_cluster_type() || !from_here(c.eds_cluster_config().eds_config())) return {};
  const std::string& service = c.eds_cluster_config().service_name();
  return service.empty() ? c.name() : service;
}

}  // namespace outrigger::control_plane
