// The bootstrap of a simulated worker: its text put together from pieces, loaded and compiled as the real one is.
#pragma once
#include <memory>
#include <string>
#include <vector>
#include "proxy/accesslog/files.h"
#include "proxy/base/demand.h"
#include "proxy/event/loop.h"
#include "proxy/event/scaled_timers.h"
#include "proxy/hcm/route_source.h"
#include "proxy/server/config.h"
#include "proxy/stats/stats.h"
#include "proxy/upstream/dns_cache.h"
#include "xds/compile/secrets.h"

namespace outrigger::sim {

/// Of a cluster whose hosts are spoken to in HTTP/2.
inline constexpr const char* kSpeaksHttp2 =
    "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {'@type': "
    "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: "
    "{http2_protocol_options: {}}}},";

/// Pieces of a bootstrap with a listener 10.0.0.1:80 and clusters up (10.0.1.1:80 and so on) and mirror
/// (10.0.2.1:80). Each piece is a list of "key: value," in YAML's flow style.
struct Setup {
  std::string routes = "{match: {prefix: /}, route: {cluster: up}}";
  std::string hcm, filters, vhost, listener, cluster;
  std::string tcp;     // not empty: tcp_proxy instead of HTTP
  std::string before;  // network filters in front of that, each with a comma behind it
  std::string mirror;  // of that cluster
  /// A second hop: the cluster up is a second listener of the worker itself, which goes on to 10.0.1.1:80.
  enum Hop : unsigned char { none, http2, tls, tls_http2, internal } hop = none;  // internal: without a socket
  int hosts = 1;
  bool rds = false;                       // routes come by World::set_routes()
  event::TimerMinimums timer_minimums{};  // of the overload manager
  std::string hop_hcm, hop_routes = "{match: {prefix: /}, route: {cluster: origin, timeout: 0s}}";
  std::string text() const;
};

/// A route of all paths to the cluster up, with more fields of its action.
std::string up_route(const std::string& more);

/// What workers ask for: names, each the first time that a request lacks it.
struct Asked final : Demand {
  void ask(std::string_view name, Duration) const override { names.emplace_back(name); }
  mutable std::vector<std::string> names;
};

/// A compiled bootstrap and what belongs to it. One at a time is kept for worlds that are set up alike, with the
/// counters and the log as new.
struct Loaded {
  Loaded();
  ~Loaded();
  event::Loop loop;  // nothing runs on it
  int log_fd;
  stats::Registry registry;
  stats::Cells& cells;
  accesslog::Files files;
  xds::SecretStore secrets;
  std::shared_ptr<Asked> asked = std::make_shared<Asked>();
  upstream::DnsCachePtr names;  // of the only dynamic forward proxy; what is not known is asked of `asked`
  std::shared_ptr<hcm::RouteSource> routes = std::make_shared<hcm::RouteSource>(1);
  server::Config config;
};
std::shared_ptr<Loaded> load(const Setup& setup);
/// The next world gets a new one: this one has something left in it.
void forget_loaded();

}  // namespace outrigger::sim
