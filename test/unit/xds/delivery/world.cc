#include "unit/xds/delivery/world.h"

#include <google/protobuf/util/json_util.h>
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "xds/load/to_proto.h"

namespace outrigger::xds::delivery_test {

namespace {

using namespace std::chrono_literals;
namespace discovery_v3 = envoy::service::discovery::v3;

const std::string kApi = "type.googleapis.com/envoy.";
const std::map<std::string, std::string> kTypes = {
    {"CDS", kApi + "config.cluster.v3.Cluster"},   {"EDS", kApi + "config.endpoint.v3.ClusterLoadAssignment"},
    {"LDS", kApi + "config.listener.v3.Listener"}, {"RDS", kApi + "config.route.v3.RouteConfiguration"},
    {"SDS", kApi + "extensions.transport_sockets.tls.v3.Secret"}, {"ECDS", kApi + "config.core.v3.TypedExtensionConfig"}};

std::string short_name(const std::string& type_url) {
  for (const auto& [name, url] : kTypes)
    if (url == type_url) return name;
  return type_url;
}

/// TypedStructs, and what is not implemented, stay in it.
template <class Message>
std::string bytes(const std::string& yaml) {
  Node tree;
  Problems problems;
  Message m;
  if (parse_yaml(yaml, "", tree, problems)) to_proto(tree, m, {.as_received = true}, problems);
  INFO(yaml << '\n' << problems_text(problems));
  REQUIRE(problems.ok());
  return m.SerializeAsString();
}

std::string bytes_of(const std::string& type, const std::string& yaml) {
  if (type == "CDS") return bytes<envoy::config::cluster::v3::Cluster>(yaml);
  if (type == "EDS") return bytes<envoy::config::endpoint::v3::ClusterLoadAssignment>(yaml);
  if (type == "LDS") return bytes<envoy::config::listener::v3::Listener>(yaml);
  if (type == "ECDS") return bytes<envoy::config::core::v3::TypedExtensionConfig>(yaml);
  if (type == "RDS") return bytes<envoy::config::route::v3::RouteConfiguration>(yaml);
  return bytes<envoy::extensions::transport_sockets::tls::v3::Secret>(yaml);
}

const std::string kBootstrap = R"(
node: {id: node-1, cluster: c}
dynamic_resources:
  ads_config: {api_type: GRPC, transport_api_version: V3, set_node_on_first_message_only: true, grpc_services: [{envoy_grpc: {cluster_name: plane}}]}
  cds_config: {ads: {}, resource_api_version: V3}
  lds_config: {ads: {}, resource_api_version: V3}
)";

}  // namespace

World::World(const std::string& more) {
  server::Settings settings;
  settings.time = &clock_;
  settings.drain_time = 10s;
  server_ = std::make_unique<server::Server>(std::move(settings));
  Sources::Settings from;
  from.make_transport = [this](const ApiConfigSource&, const Path&, Problems&) { return std::make_unique<Plane::Calls>(plane); };
  Options o;
  o.config_yaml = kBootstrap + more;
  LoadedBootstrap loaded;
  Problems problems;
  REQUIRE(load_bootstrap(o, loaded, problems));
  from.node = loaded.message.node().SerializeAsString();
  sources_ = std::make_unique<Sources>(server_->loop(), server_->registry(), server_->random(), std::move(from));
  secrets_ = std::make_unique<SecretStore>(server_->loop(), server_->registry());
  secrets_->set_sources(sources_.get());
  CompileContext c{problems, server_->registry(), server_->files()};
  c.workers = 1;
  c.secrets = secrets_.get();
  delivery_ = std::make_unique<Delivery>(*server_, *sources_);
  delivery_->prepare(loaded.message, c);
  auto config = compile_bootstrap(loaded.message, o, c);
  INFO(problems_text(problems));
  REQUIRE(problems.ok());
  delivery_->keep(c);
  config.load_dynamic = [this](const std::function<void()>& done) {
    delivery_->start([this, done] {
      ready = true;
      done();
    });
  };
  REQUIRE(server_->start(std::move(config)));
  run();
}

World::~World() {
  CHECK(plane.unread.empty());
  delivery_.reset();
  secrets_.reset();
  sources_.reset();
  server_.reset();
}

void World::run(Duration d) {
  clock_.go_to(clock_.now() + std::max<Duration>(d, 1ms));  // the timers' step
  for (int i = 0; i < 10; ++i) server_->loop().poll();
}

std::vector<std::string> World::said() {
  std::vector<std::string> out;
  while (!plane.unread.empty()) {
    discovery_v3::DiscoveryRequest q;
    REQUIRE(q.ParseFromString(plane.unread.front()));
    plane.unread.pop_front();
    std::string line = short_name(q.type_url());
    if (!q.version_info().empty()) line += " v" + q.version_info();
    if (!q.response_nonce().empty()) line += " " + q.response_nonce();
    if (q.has_error_detail()) line += " refused: " + q.error_detail().message();
    for (const auto& n : q.resource_names()) line += " " + n;
    out.push_back(line);
  }
  return out;
}

void World::push(const std::string& type, const std::string& version, const std::vector<std::string>& resources) {
  discovery_v3::DiscoveryResponse r;
  r.set_version_info(version);
  r.set_nonce("n" + version);
  r.set_type_url(kTypes.at(type));
  for (const auto& yaml : resources) {
    auto& any = *r.add_resources();
    any.set_type_url(kTypes.at(type));
    any.set_value(bytes_of(type, yaml));
  }
  REQUIRE(plane.events != nullptr);
  plane.events->on_message(r.SerializeAsString());
  run();
}

void World::close() {
  REQUIRE(plane.events != nullptr);
  plane.events->on_closed(14, "away");
  run();
}

std::uint64_t World::stat(std::string_view name) {
  std::uint64_t value = 0;
  stats::Walk(server_->registry()).each(stats::Walk::counters | stats::Walk::gauges, [&](const stats::StatView& s) {
    if (std::string(s.prefix) + std::string(s.suffix) == name) value = s.value;
  });
  return value;
}

std::string cluster(const std::string& name, const std::string& more) {
  return "{name: " + name + ", type: EDS, connect_timeout: 1s, eds_cluster_config: {eds_config: {ads: {}, resource_api_version: V3}}" + more +
         "}";
}

std::string endpoints(const std::string& name, const std::string& more) {
  return "{cluster_name: " + name +
         ", endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 9}}}}]}]" + more + "}";
}

std::string listener(const std::string& name, const std::string& routes, const std::string& more) {
  return "{name: " + name +
         ", address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [{name: hcm, typed_config: {"
         "'@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, "
         "stat_prefix: p, " +
         routes +
         ", http_filters: [{name: router, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}}]" +
         more + "}]}";
}

std::string rds(const std::string& name, const std::string& more) {
  return "rds: {route_config_name: " + name + ", config_source: {ads: {}, resource_api_version: V3" + more + "}}";
}

std::string routes(const std::string& name, const std::string& cluster) {
  return "{name: " + name + ", virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: " + cluster + "}}]}]}";
}

}  // namespace outrigger::xds::delivery_test
