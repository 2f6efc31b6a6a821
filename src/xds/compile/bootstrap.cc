#include "xds/compile/bootstrap.h"

#include <ifaddrs.h>
#include <map>
#include <set>
#include "envoy/extensions/access_loggers/file/v3/file.pb.h"
#include "envoy/extensions/bootstrap/internal_listener/v3/internal_listener.pb.h"
#include "istio/proxy/workload_discovery.pb.h"
#include "proxy/server/disk_layer.h"
#include "xds/compile/access_log.h"
#include "xds/compile/cluster.h"
#include "xds/compile/cluster_parts.h"
#include "xds/compile/convert.h"
#include "xds/compile/listener.h"
#include "xds/compile/matchers.h"
#include "xds/compile/regex_limits.h"
#include "xds/compile/reports.h"
#include "xds/compile/secrets.h"
#include "xds/compile/settings.h"

namespace outrigger::xds {

namespace {

/// The first address of an interface that is up and not loopback, as Envoy takes it.
std::string local_address(bool v6) {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return v6 ? "::1" : "127.0.0.1";
  std::string found;
  for (const ifaddrs* i = all; i != nullptr && found.empty(); i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != (v6 ? AF_INET6 : AF_INET)) continue;
    const auto a = net::Address::from_sockaddr(i->ifa_addr, v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
    if (!a.is_loopback()) found = a.ip_text();
  }
  ::freeifaddrs(all);
  return found.empty() ? (v6 ? "::1" : "127.0.0.1") : found;
}

void compile_extension(const envoy::config::core::v3::TypedExtensionConfig& p, server::Config& o, const Path& at,
                       CompileContext& c) {
  if (p.typed_config().Is<istio::workload::BootstrapExtension>())
    return c.not_active->add(p.name(), istio::workload::BootstrapExtension::descriptor()->full_name(),
                             "workloads are not asked for: peers are not known by their addresses");
  envoy::extensions::bootstrap::internal_listener::v3::InternalListener internal;
  if (!p.typed_config().UnpackTo(&internal))
    return c.problems.error(
        at, "bootstrap extension '" + p.name() + "' of type '" + p.typed_config().type_url() + "' is not implemented");
  c.internal_listeners = true;
  if (internal.has_buffer_size_kb()) o.internal_buffer_bytes = std::size_t{1024} * internal.buffer_size_kb().value();
}

void compile_admin(const envoy::config::bootstrap::v3::Admin& p, server::Config& o, const Path& at, CompileContext& c) {
  server::AdminConfig admin;
  admin.access_logs = compile_access_logs(p.access_log(), at, "access_log", c);
  admin.socket_options = to_raw_options(p.socket_options());
  if (!p.profile_path().empty()) c.problems.warn(at / "profile_path", "has no effect: there is no profiler");
  admin.allowed = compile_any_of(p.allow_paths(), at, "allow_paths", c.problems);
  if (!p.access_log_path().empty()) {
    if (const auto able = accesslog::can_open(p.access_log_path()); !able)
      return c.problems.error(at / "access_log_path", able.error().detail);
    envoy::extensions::access_loggers::file::v3::FileAccessLog file;
    file.set_path(p.access_log_path());
    AccessLogList list;
    list.Add()->mutable_typed_config()->PackFrom(file);
    for (auto& l : compile_access_logs(list, at, "access_log_path", c)) admin.access_logs.push_back(std::move(l));
  }
  if (!p.has_address()) return;
  admin.address = compile_address(p.address(), at / "address", c.problems);
  o.admin = std::move(admin);
}

void compile_outlier_log(const std::string& path, server::Config& o, const Path& at, CompileContext& c) {
  if (const auto able = accesslog::can_open(path); !able) return c.problems.error(at, able.error().detail);
  if (c.validate_only) return;
  if (auto sink = c.files.open(path))
    o.outlier_log = std::move(*sink);
  else
    c.problems.error(at, sink.error().detail);
}

/// What the layers in files and the bootstrap say; others are not there yet.
RegexLimits::Runtime runtime_at_start(const server::Config& o) {
  auto layers = o.runtime_layers;
  for (const auto& d : o.disk_layers)
    if (auto read = server::read_disk_layer(d.directory, o.parse_runtime_value); read && *read)
      layers.at(d.index).second = **read;
  return [snapshot = runtime::Snapshot(std::move(layers))](std::string_view key, std::uint64_t fallback) {
    return snapshot.integer(key, fallback);
  };
}

}  // namespace

server::Config compile_bootstrap(const envoy::config::bootstrap::v3::Bootstrap& b, const Options& options, CompileContext& c) {
  server::Config o;
  const Path root;
  c.service_node = b.node().id();
  c.service_cluster = b.node().cluster();
  if (b.node().has_metadata()) c.node_metadata = std::make_shared<const google::protobuf::Struct>(b.node().metadata());
  c.local_address = local_address(options.ipv6_local_address);
  c.header_prefix = b.header_prefix();
  if (!b.header_prefix().empty() && b.header_prefix() != "x-envoy")
    c.problems.error(root / "header_prefix", "only 'x-envoy' is implemented");
  auto runtime = compile_runtime(b.layered_runtime(), c.service_cluster, root / "layered_runtime", c.problems);
  if (b.has_layered_runtime() && runtime.layers.empty()) {  // then Envoy makes one, without a name
    runtime.layers.emplace_back();
    runtime.admin_layer = 0;
  }
  o.runtime_layers = runtime.layers;
  o.disk_layers = runtime.disk_layers;
  o.admin_layer = runtime.admin_layer;
  o.parse_runtime_value = &parse_runtime_value;
  o.stats = compile_stats(b.stats_config(), options.stats_tags, root / "stats_config", c.problems);
  compile_process(b, !options.log_format.empty(), o, c.problems);
  compile_overload(b.overload_manager(), o, root / "overload_manager", c.problems);
  compile_admin(b.admin(), o, root / "admin", c);
  const RegexLimits limits(runtime_at_start(o));

  for (int i = 0; i < b.bootstrap_extensions_size(); ++i)
    compile_extension(b.bootstrap_extensions(i), o, root.at("bootstrap_extensions", i), c);
  const Path resources = root / "static_resources";
  for (int i = 0; c.secrets != nullptr && i < b.static_resources().secrets_size(); ++i)
    c.secrets->add_static(b.static_resources().secrets(i), resources.at("secrets", i), c.problems);
  compile_resolver(b, c.resolver, c.problems);
  if (b.cluster_manager().has_upstream_bind_config()) c.upstream_bind = &b.cluster_manager().upstream_bind_config();
  std::set<std::string, std::less<>> names;
  for (int i = 0; i < b.static_resources().clusters_size(); ++i) {
    const auto& p = b.static_resources().clusters(i);
    const Path at = resources.at("clusters", i);
    if (!names.insert(p.name()).second) {
      c.problems.error(at / "name", "cluster manager: duplicate cluster '" + p.name() + "'");
      continue;
    }
    if (auto cluster = compile_cluster(p, at, c)) o.clusters.push_back(std::move(cluster));
  }
  if (const auto& local = b.cluster_manager().local_cluster_name(); !local.empty()) {
    o.local_cluster = local;
    if (names.count(local) == 0) c.problems.error(root / "cluster_manager", "local cluster '" + local + "' must be defined");
  }
  if (const auto& log = b.cluster_manager().outlier_detection().event_log_path(); !log.empty())
    compile_outlier_log(log, o, root / "cluster_manager" / "outlier_detection" / "event_log_path", c);
  o.node_locality = compile_locality(b.node().locality());
  c.cluster_known = [&names](std::string_view name) { return names.find(name) != names.end(); };
  take_bootstrap_reports(b, c);

  std::set<std::string> listeners;
  std::map<std::string, std::string> addresses;
  for (int i = 0; i < b.static_resources().listeners_size(); ++i) {
    const auto& p = b.static_resources().listeners(i);
    const Path at = resources.at("listeners", i);
    const bool twice = !p.name().empty() && !listeners.insert(p.name()).second;
    if (twice) c.problems.error(at / "name", "error adding listener: duplicate listener name '" + p.name() + "'");
    auto listener = compile_listener(p, at, c);
    if (listener == nullptr || twice) continue;
    for (const auto& a : listener->addresses) {
      if (a.is_ip() && a.port() == 0) continue;
      const auto [other, is_new] = addresses.emplace(a.text(), listener->name);
      if (!is_new && other->second != listener->name)
        c.problems.error(at / "address", "error adding listener: '" + listener->name + "' has duplicate address '" + a.text() +
                                             "' as existing listener '" + other->second + "'");
    }
    o.listeners.push_back(std::move(listener));
  }
  c.cluster_known = nullptr;
  return o;
}

}  // namespace outrigger::xds
