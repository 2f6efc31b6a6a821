#include "unit/sim/setup.h"

#include <sys/mman.h>
#include <unistd.h>
#include <stdexcept>
#include "unit/sim/certificate.h"
#include "xds/compile/bootstrap.h"
#include "xds/load/bootstrap.h"

namespace outrigger::sim {

namespace {

constexpr const char* kType = R"("@type": type.googleapis.com/envoy.)";
std::string endpoint(const std::string& ip) {
  return "{endpoint: {address: {socket_address: {address: " + ip + ", port_value: 80}}}},";
}

std::string cluster_of(const std::string& name, const std::string& endpoints, const std::string& more) {
  return "{name: " + name + ", load_assignment: {cluster_name: " + name + ", endpoints: [{lb_endpoints: [" + endpoints + "]}]}," +
         more + "},";
}

std::string log_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

}  // namespace

std::string up_route(const std::string& more) { return "{match: {prefix: /}, route: {cluster: up, " + more + "}}"; }

namespace {

/// A sum of strings, which GCC 12 warns of under TSan (its bug 105651).
std::string cat(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const auto p : parts) out += p;
  return out;
}

std::string manager(const std::string& prefix, const std::string& log, const std::string& more, const std::string& routes,
                    const std::string& filters) {
  return cat({"{name: hcm, typed_config: {", kType,
              "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: ", prefix, ", ", log,
              more,
              routes.empty() ? "rds: {route_config_name: r, config_source: {ads: {}}}, http_filters: ["
                             : cat({"route_config: {name: r, virtual_hosts: [{name: all, domains: ['*'], routes: [", routes,
                                    "}]}, http_filters: ["}),
              filters, "{name: router, typed_config: {", kType, "extensions.filters.http.router.v3.Router}}]}}"});
}

std::string socket_of(const char* type, const std::string& context) {
  return cat({"transport_socket: {name: tls, typed_config: {", kType, "extensions.transport_sockets.tls.v3.", type,
              ", common_tls_context: {", context, "}}},"});
}

}  // namespace

std::string Setup::text() const {
  std::string endpoints;
  for (int i = 1; i <= hosts; ++i) endpoints += endpoint("10.0.1." + std::to_string(i));
  const std::string log =
      cat({"access_log: [{name: file, typed_config: {", kType,
           "extensions.access_loggers.file.v3.FileAccessLog, path: LOG_PATH, log_format: {text_format_source: {inline_string: "
           "\"%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %REQ(:PATH)%\\n\"}}}}],"});
  const std::string http = manager("in", log, hcm, rds ? "" : routes + "]," + vhost, filters);
  const std::string proxy = cat({"{name: tcp, typed_config: {", kType,
                                 "extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: in, ", log, tcp, "}}"});
  std::string listeners = "{name: in, address: {socket_address: {address: 10.0.0.1, port_value: 80}}," + listener +
                          "filter_chains: [{filters: [" + before + (tcp.empty() ? http : proxy) + "]}]},";
  std::string clusters = cluster_of("mirror", endpoint("10.0.2.1"), mirror);
  if (hop == none) {
    clusters += cluster_of("up", endpoints, cluster);
  } else {
    const bool secure = hop == tls || hop == tls_http2, second = hop == http2 || hop == tls_http2;
    const auto& c = Certificate::for_tests();
    const std::string pair = "{certificate_chain: {inline_string: " + c.chain + "}, private_key: {inline_string: " + c.key + "}}";
    listeners +=
        std::string("{name: hop, ") +
        (hop == internal ? "internal_listener: {}," : "address: {socket_address: {address: 10.0.0.2, port_value: 80}},") +
        listener + "filter_chains: [{" +
        (secure ? socket_of("DownstreamTlsContext", "alpn_protocols: [h2, http/1.1], tls_certificates: [" + pair + "]") : "") +
        "filters: [" + manager("hop", log, hop_hcm, hop_routes + "],", "") + "]}]},";
    clusters += cluster_of("origin", endpoints, "");
    clusters += cluster_of(
        "up",
        hop == internal ? "{endpoint: {address: {envoy_internal_address: {server_listener_name: hop}}}}," : endpoint("10.0.0.2"),
        cluster + (secure ? socket_of("UpstreamTlsContext", "") : "") + (second ? kSpeaksHttp2 : ""));
  }
  const std::string extension = hop != internal ? ""
                                                : std::string("bootstrap_extensions: [{name: internal, typed_config: {") + kType +
                                                      "extensions.bootstrap.internal_listener.v3.InternalListener}}], ";
  return "{" + extension + "static_resources: {listeners: [" + listeners + "], clusters: [" + clusters + "]}}";
}

// ---- loading

Loaded::Loaded()
    : log_fd(memfd_create("log", MFD_CLOEXEC)),
      cells(registry.new_cells()),
      files(std::chrono::hours(1)),
      secrets(loop, registry) {}

Loaded::~Loaded() { ::close(log_fd); }

namespace {
struct Kept {
  std::string text;
  std::shared_ptr<Loaded> loaded;
};
Kept& kept() {
  static Kept k;
  return k;
}
}  // namespace

std::shared_ptr<Loaded> load(const Setup& setup) {
  std::string text = setup.text();
  auto& k = kept();
  if (k.loaded != nullptr && k.text == text) {
    k.loaded->registry.reset_counters();
    if (::ftruncate(k.loaded->log_fd, 0) != 0) throw std::runtime_error("cannot empty the log");
    return k.loaded;
  }
  k = {text, std::make_shared<Loaded>()};
  Loaded& l = *k.loaded;
  const std::string mark = "LOG_PATH";
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark))
    text.replace(at, mark.size(), log_path(l.log_fd));
  xds::Options o;
  o.config_yaml = text;
  xds::Problems problems;
  auto message = std::make_unique<xds::LoadedBootstrap>();
  if (xds::load_bootstrap(o, *message, problems)) {
    xds::CompileContext c{problems, l.registry, l.files};
    c.secrets = &l.secrets;
    c.check_source = [](const auto&, const auto&, auto&) { return true; };
    c.subscribe_routes = [&l](const auto&, const auto&) { return l.routes; };
    c.demand_clusters = [&l](const auto&, const auto&, const auto&, auto&) { return l.asked; };
    c.dns_cache = [&l](const upstream::DnsCacheConfig& config, std::size_t threads) -> Result<upstream::DnsCachePtr> {
      if (l.names == nullptr)
        l.names = std::make_shared<upstream::DnsCache>(
            config, stats::make_block<stats::DnsCacheStat>(l.registry, "dns_cache.names."), nullptr, threads,
            [asked = l.asked](std::string_view host) { asked->ask(host, {}); });
      return l.names;
    };
    l.config = xds::compile_bootstrap(message->message, o, c);
  }
  xds::locate_problems(*message, problems);
  if (!problems.ok()) {
    forget_loaded();
    throw std::runtime_error(xds::problems_text(problems) + text);
  }
  return k.loaded;
}

void forget_loaded() { kept() = {}; }

}  // namespace outrigger::sim
