#include "control_plane/acceptance.h"

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/scoped_route.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "proxy/accesslog/files.h"
#include "proxy/base/random.h"
#include "proxy/event/loop.h"
#include "proxy/hcm/filter.h"
#include "proxy/hcm/route_source.h"
#include "xds/client/sources.h"
#include "xds/compile/cluster.h"
#include "xds/compile/endpoints.h"
#include "xds/compile/filters.h"
#include "xds/compile/http.h"
#include "xds/compile/late_filter.h"
#include "xds/compile/listener.h"
#include "xds/compile/scoped_routes.h"
#include "xds/compile/secrets.h"
#include "xds/compile/tls.h"
#include "xds/load/any_type.h"

namespace outrigger::control_plane {

namespace pb = google::protobuf;
namespace core_v3 = envoy::config::core::v3;
namespace tls_v3 = envoy::extensions::transport_sockets::tls::v3;
using envoy::config::cluster::v3::Cluster;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using envoy::config::listener::v3::Listener;
using envoy::config::route::v3::RouteConfiguration;
using envoy::config::route::v3::ScopedRouteConfiguration;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter;
using xds::Path;
using xds::Problems;

namespace {

/// A control plane that never says anything: resources that come later are not waited for.
class Silent final : public xds::Transport {
 public:
  std::unique_ptr<xds::Stream> open(const std::string&, xds::StreamEvents&) override { return std::make_unique<Nothing>(); }

 private:
  struct Nothing final : xds::Stream {
    void send(std::string) override {}
    void go_on() override {}
  };
};

/// What stands in a file of the proxy's machine can't be looked at here.
bool inline_only(const pb::Message& m) {
  if (m.GetDescriptor() == envoy::config::core::v3::DataSource::descriptor()) {
    const auto& source = static_cast<const envoy::config::core::v3::DataSource&>(m);
    return !source.has_filename() && !source.has_environment_variable();
  }
  std::vector<const pb::FieldDescriptor*> set;
  const auto* r = m.GetReflection();
  r->ListFields(m, &set);
  for (const auto* f : set) {
    if (f->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE || f->is_map()) continue;
    if (!f->is_repeated() && !inline_only(r->GetMessage(m, f))) return false;
    for (int i = 0; f->is_repeated() && i < r->FieldSize(m, f); ++i)
      if (!inline_only(r->GetRepeatedMessage(m, f, i))) return false;
  }
  return true;
}

/// The config of an HTTP filter (ECDS), which says not where in the chain it will be. Others are not known here.
void check_extension(const core_v3::TypedExtensionConfig& e, const Path& at, xds::CompileContext& c) {
  const auto& type = e.typed_config().type_url();
  if (!xds::is_http_filter_config(xds::message_name(type))) return;
  HttpFilter filter;
  filter.set_name(e.name());
  *filter.mutable_typed_config() = e.typed_config();
  const bool last = e.typed_config().Is<envoy::extensions::filters::http::router::v3::Router>();
  (void)xds::compile_http_filter(filter, last, "http.", at, c);
}

void check_secret(const tls_v3::Secret& s, const Path& at, Problems& problems) {
  if (!inline_only(s)) return;
  if (s.has_tls_certificate()) (void)xds::compile_certificate(s.tls_certificate(), s.name(), at / "tls_certificate", problems);
  if (s.has_validation_context())
    (void)xds::compile_validation(s.validation_context(), s.name(), at / "validation_context", problems);
}

}  // namespace

struct Acceptance::Proxy {
  event::Loop loop;
  stats::Registry registry;
  accesslog::Files files;
  Random random{1};
  xds::Sources sources{
      loop, registry, random, {"", false, [](const auto&, const auto&, auto&) { return std::make_unique<Silent>(); }}};
  xds::SecretStore secrets{loop, registry};
  Proxy() {
    secrets.set_sources(&sources);
    xds::ApiConfigSource any;
    any.set_api_type(xds::ApiConfigSource::GRPC);
    any.add_grpc_services();
    Problems none;
    sources.set_ads(any, Path(), none);
  }
  xds::CompileContext context(Problems& problems) {
    xds::CompileContext c{problems, registry, files};
    c.validate_only = true;
    c.secrets = &secrets;
    c.internal_listeners = true;
    c.check_source = [](const auto&, const auto&, auto&) { return true; };
    c.subscribe_routes = [](const auto&, const auto&) { return std::make_shared<const hcm::RouteSource>(1); };
    c.subscribe_scopes = [](const auto&, const auto&) { return std::make_shared<const hcm::ScopeSource>(1); };
    c.demand_clusters = [](const auto&, const auto&, const auto&, auto&) { return nullptr; };
    c.subscribe_filter = [](const auto&) {};
    return c;
  }
};

Acceptance::Acceptance() : proxy_(std::make_unique<Proxy>()) {}
Acceptance::~Acceptance() = default;

void Acceptance::check(const pb::Message& m, const Path& at, Problems& problems) {
  const auto* d = m.GetDescriptor();
  auto c = proxy_->context(problems);
  if (d == Cluster::descriptor())
    (void)xds::compile_cluster(static_cast<const Cluster&>(m), at, c, true);
  else if (d == Listener::descriptor())
    (void)xds::compile_listener(static_cast<const Listener&>(m), at, c);
  else if (d == RouteConfiguration::descriptor())
    (void)xds::compile_dynamic_routes(static_cast<const RouteConfiguration&>(m), at, c);
  else if (d == ScopedRouteConfiguration::descriptor())
    (void)xds::compile_scope(static_cast<const ScopedRouteConfiguration&>(m), at, c);
  else if (d == ClusterLoadAssignment::descriptor())
    (void)xds::compile_endpoint_list(static_cast<const ClusterLoadAssignment&>(m), at, problems);
  else if (d == core_v3::TypedExtensionConfig::descriptor())
    check_extension(static_cast<const core_v3::TypedExtensionConfig&>(m), at, c);
  else if (d == tls_v3::Secret::descriptor())
    check_secret(static_cast<const tls_v3::Secret&>(m), at, problems);
}

}  // namespace outrigger::control_plane
