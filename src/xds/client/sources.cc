#include "xds/client/sources.h"

#include <filesystem>
#include "proxy/base/log.h"

namespace outrigger::xds {

namespace {

constexpr Duration kFetchTimeout = std::chrono::seconds(15);  // Envoy's default

Duration patience_of(const ConfigSource& s) {
  if (!s.has_initial_fetch_timeout()) return kFetchTimeout;
  return std::chrono::seconds(s.initial_fetch_timeout().seconds()) +
         std::chrono::microseconds(s.initial_fetch_timeout().nanos() / 1000);
}

bool is_file(const ConfigSource& s) { return s.has_path_config_source() || !s.path().empty(); }

FileSource file_of(const ConfigSource& s) {
  if (!s.path().empty()) return {s.path(), ""};
  return {s.path_config_source().path(), s.path_config_source().watched_directory().path()};
}

bool is_delta(const ApiConfigSource& c) {
  return c.api_type() == ApiConfigSource::DELTA_GRPC || c.api_type() == ApiConfigSource::AGGREGATED_DELTA_GRPC;
}

/// The service of one type, and the name of its resources there.
struct OwnService {
  const char* type;
  const char* service;
  const char* many;
};
constexpr OwnService kServices[] = {
    {"envoy.config.cluster.v3.Cluster", "cluster.v3.ClusterDiscoveryService", "Clusters"},
    {"envoy.config.endpoint.v3.ClusterLoadAssignment", "endpoint.v3.EndpointDiscoveryService", "Endpoints"},
    {"envoy.config.listener.v3.Listener", "listener.v3.ListenerDiscoveryService", "Listeners"},
    {"envoy.config.route.v3.RouteConfiguration", "route.v3.RouteDiscoveryService", "Routes"},
    {"envoy.config.core.v3.TypedExtensionConfig", "extension.v3.ExtensionConfigDiscoveryService", "ExtensionConfigs"},
    {"envoy.service.runtime.v3.Runtime", "runtime.v3.RuntimeDiscoveryService", "Runtime"},
    {"envoy.config.route.v3.ScopedRouteConfiguration", "route.v3.ScopedRoutesDiscoveryService", "ScopedRoutes"},
    {"envoy.config.route.v3.VirtualHost", "route.v3.VirtualHostDiscoveryService", "VirtualHosts"},
    {"envoy.extensions.transport_sockets.tls.v3.Secret", "secret.v3.SecretDiscoveryService", "Secrets"},
};

/// Empty type: the aggregated service. Empty: there is none.
std::string method_of(const std::string& type_url, bool delta) {
  const std::string kind = delta ? "Delta" : "Stream";
  if (type_url.empty()) return "/envoy.service.discovery.v3.AggregatedDiscoveryService/" + kind + "AggregatedResources";
  for (const auto& s : kServices)
    if (type_url == std::string("type.googleapis.com/") + s.type)
      return std::string("/envoy.service.") + s.service + "/" + kind + s.many;
  return {};
}

std::string name_of(const ApiConfigSource& c) {
  if (c.grpc_services().empty()) return {};
  const auto& s = c.grpc_services(0);
  return s.has_google_grpc() ? s.google_grpc().target_uri() : s.envoy_grpc().cluster_name();
}

}  // namespace

/// A watch with a stream of its own, as Envoy has it for every subscription that is not aggregated.
class Sources::OwnStream final : public Watch, public Link {
 public:
  OwnStream(event::Loop& loop, stats::Registry& registry, Random& random, Transport& transport, ClientSettings settings)
      : client_(loop, registry, random, transport, std::move(settings)) {}
  Client& client() noexcept { return client_; }
  void hold(std::unique_ptr<Watch> watch) { watch_ = std::move(watch); }
  void want(const std::set<std::string>& names) override { watch_->want(names); }

 private:
  Client client_;
  std::unique_ptr<Watch> watch_;
};

Sources::Sources(event::Loop& loop, stats::Registry& registry, Random& random, Settings settings)
    : loop_(loop), registry_(registry), random_(random), settings_(std::move(settings)) {}
Sources::~Sources() = default;

std::unique_ptr<Transport> Sources::connect(const ApiConfigSource& config, const Path& at, Problems& problems) {
  if (config.api_type() == ApiConfigSource::REST)
    problems.error(at / "api_type", "REST is known to Envoy and not implemented by Outrigger; use GRPC or DELTA_GRPC");
  else if (config.grpc_services().empty())
    problems.error(at / "grpc_services", "a gRPC config source needs a service");
  else
    return settings_.make_transport(config, at, problems);
  return nullptr;
}

ClientSettings Sources::settings_of(const ApiConfigSource& config, const std::string& type_url) const {
  ClientSettings o;
  o.name = name_of(config);
  o.method = method_of(type_url, is_delta(config));
  o.kind = is_delta(config) ? Subscription::Kind::delta : Subscription::Kind::state_of_the_world;
  o.node = settings_.node;
  o.node_once = config.set_node_on_first_message_only();
  o.aggregated = type_url.empty();
  return o;
}

void Sources::set_ads(const ApiConfigSource& config, const Path& at, Problems& problems) {
  ads_transport_ = connect(config, at, problems);
  if (ads_transport_ == nullptr) return;
  auto settings = settings_of(config, "");
  settings.stat_prefix = "control_plane.";
  ads_ = std::make_unique<Client>(loop_, registry_, random_, *ads_transport_, std::move(settings));
}

bool Sources::check(const ConfigSource& source, const Path& at, Problems& problems) {
  if (is_file(source)) {
    const auto file = file_of(source);
    if (std::filesystem::exists(file.path)) return true;
    problems.error(at, "paths must refer to an existing path in the system: '" + file.path + "' does not exist");
    return false;
  }
  if (source.has_ads()) {
    if (ads_ != nullptr) return true;
    problems.error(at / "ads", "there is no ads_config in dynamic_resources");
    return false;
  }
  if (source.has_api_config_source()) {
    const auto& config = source.api_config_source();
    auto& transport = transports_[config.SerializeAsString()];
    if (transport == nullptr) transport = connect(config, at / "api_config_source", problems);
    return transport != nullptr;
  }
  problems.error(at, "a config source must have one of path_config_source, api_config_source, ads");
  return false;
}

std::unique_ptr<Watch> Sources::watch(const ConfigSource& source, const std::string& type_url, std::set<std::string> names,
                                      bool all, const Counts& counts, WatchEvents& events, std::string space) {
  if (is_file(source)) {
    if (watcher_ == nullptr) watcher_ = std::make_unique<event::DirectoryWatcher>(loop_);
    auto file = file_of(source);
    file.allow_unknown = !settings_.reject_unknown_fields;
    auto watch = std::make_unique<FileWatch>(loop_, *watcher_, std::move(file), counts, events);
    files_.push_back(*watch);
    return watch;
  }
  if (source.has_ads())
    return ads_ == nullptr ? nullptr
                           : ads_->watch(type_url, std::move(names), all, counts, patience_of(source), events, std::move(space));
  Problems ignored;
  if (!check(source, Path(), ignored)) return nullptr;
  const auto& config = source.api_config_source();
  auto settings = settings_of(config, type_url);
  settings.stat_prefix = std::string(counts.prefix()) + "control_plane.";
  auto own =
      std::make_unique<OwnStream>(loop_, registry_, random_, *transports_[config.SerializeAsString()], std::move(settings));
  own->hold(own->client().watch(type_url, std::move(names), all, counts, patience_of(source), events, std::move(space)));
  own_.push_back(*own);
  return own;
}

std::unique_ptr<Client::Pause> Sources::pause(const ConfigSource& source, const std::string& type_url) {
  return source.has_ads() && ads_ != nullptr ? std::make_unique<Client::Pause>(*ads_, type_url) : nullptr;
}

void Sources::each(const std::function<void(const Client&)>& f) const {
  if (ads_ != nullptr) f(*ads_);
  own_.each([&f](OwnStream& s) { f(s.client()); });
}

}  // namespace outrigger::xds
