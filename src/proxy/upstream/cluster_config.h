// Compiled cluster configuration: immutable, shared by all workers, made by xds/compile.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "proxy/base/rare.h"
#include "proxy/base/time.h"
#include "proxy/http/codec_options.h"
#include "proxy/http2/options.h"
#include "proxy/net/tcp_transport.h"
#include "proxy/net/transport_socket.h"
#include "proxy/runtime/runtime.h"
#include "proxy/upstream/hash_config.h"
#include "proxy/upstream/health_config.h"
#include "proxy/upstream/host.h"
#include "proxy/upstream/outlier_config.h"
#include "proxy/upstream/subset_config.h"

namespace outrigger::upstream {

enum class Discovery : std::uint8_t { static_, strict_dns, logical_dns, eds, original_dst, forward, aggregate };
enum class LbKind : std::uint8_t { round_robin, least_request, random, ring_hash, maglev, cluster_provided };
/// Which protocol requests are sent in: a fixed one, that of the client, or what ALPN chooses.
enum class HttpUse : std::uint8_t { http1, http2, downstream, negotiated };
enum class DnsFamily : std::uint8_t { automatic, v4_only, v6_only, v4_preferred, all };

struct Thresholds {
  std::uint32_t connections = 1024, pending = 1024, requests = 1024, retries = 3;
  bool has_retry_budget = false;  // replaces `retries`
  double retry_budget_percent = 20;
  std::uint32_t retry_budget_min = 3;
  bool track_remaining = false;
  std::uint64_t connection_pools = UINT64_MAX;  // that: no limit
};

/// Hosts that joined a while ago get less than their share, rising to all of it at the end of the window.
struct SlowStart {
  Duration window{0};
  runtime::RuntimeDouble aggression{"", 1.0};
  double weight_min = 0.1;  // of the host's weight
};

/// Zone aware routing; has effect when there is a local cluster.
struct ZoneRules {
  std::uint32_t enabled_percent = 100;           // of the requests
  std::uint64_t cluster_size_min = 6;            // healthy hosts
  std::optional<std::uint32_t> forced_size_min;  // so many in the own locality: everything goes there
  bool by_weight = false;                        // shares are of the hosts' weights, not of their number
};

struct OriginalDst {
  bool use_http_header = false;
  std::string header = "x-envoy-original-dst-host";
  std::optional<std::uint16_t> port_override;
  std::string metadata_name;  // of dynamic metadata; empty: none
  std::vector<std::string> metadata_path;
  Duration cleanup = std::chrono::seconds(5);
};

struct DnsHost {  // a name to resolve and what its endpoints look like
  std::string name;
  std::uint16_t port = 0;
  Endpoint pattern;
};

/// One of transport_socket_matches: endpoints whose metadata has all these fields get this socket.
struct SocketMatch {
  std::string name;
  MetadataValue fields;
  std::shared_ptr<const net::UpstreamSocket> socket;
  stats::BlockHandle stats;
};

/// How a resolver asks. Clusters with the same options share one.
struct DnsOptions {
  std::vector<net::Address> servers;  // none: those of resolv.conf
  bool servers_are_fallback = false;  // for when resolv.conf names none
  bool over_tcp = false, no_search = false, rotate = false, filter_families = false;
  std::uint32_t timeout_s = 5, tries = 4, edns_bytes = 0;  // 0: c-ares's own
  std::uint32_t queries_per_socket_max = 0;                // 0: any number
  bool operator==(const DnsOptions&) const = default;
};

struct DnsRules {
  std::vector<DnsHost> hosts;
  DnsFamily family = DnsFamily::automatic;
  Duration refresh = std::chrono::seconds(5), refresh_min{0}, jitter{0};
  Duration failure_base{0}, failure_max{0};  // 0: as usual
  bool respect_ttl = false;
  DnsOptions resolver;
};

/// Where connections to hosts come from.
struct BindSource {
  net::Address address;
  std::vector<net::RawOption> options;  // instead of the cluster's
};

/// What is told with the members of a cluster (ClusterLoadAssignment.Policy).
struct AssignmentPolicy {
  std::uint32_t overprovisioning = 140;
  bool weighted_priority_health = false;
  runtime::FractionalPercent drop{};  // drop_overloads
  bool operator==(const AssignmentPolicy&) const = default;
};

inline const std::shared_ptr<const ZoneRules>& default_zones() {
  static const auto rules = std::make_shared<const ZoneRules>();
  return rules;
}

/// Kinds of health that a host which a session has may be of.
class HealthSet {
 public:
  constexpr HealthSet(std::initializer_list<Health> all) noexcept {
    for (const Health h : all) add(h);
  }
  constexpr void add(Health h) noexcept { bits_ |= 1U << static_cast<unsigned>(h); }
  constexpr bool has(Health h) const noexcept { return (bits_ >> static_cast<unsigned>(h) & 1) != 0; }

 private:
  std::uint8_t bits_ = 0;
};

struct ClusterConfig {
  std::string name, stat_name;  // alt_stat_name or name; the second is the observability name, too
  Discovery discovery = Discovery::static_;
  LbKind lb = LbKind::round_robin;
  std::uint32_t choice_count = 2;
  runtime::RuntimeDouble active_request_bias{"", 1.0};
  bool full_scan = false;  // least request among all
  std::optional<SlowStart> slow_start;
  std::uint32_t panic_percent = 50;  // healthy_panic_threshold
  bool fail_traffic_on_panic = false, locality_weighted = false;
  HealthSet override_health{Health::unknown, Health::healthy, Health::degraded};  // override_host_status
  AssignmentPolicy policy;                                   // of EDS clusters: until the first members come
  std::shared_ptr<const ZoneRules> zones = default_zones();  // never null
  Duration connect_timeout = std::chrono::seconds(5);
  std::uint32_t buffer_bytes_max = 1024 * 1024;  // per_connection_buffer_limit_bytes
  Thresholds normal, high;
  std::optional<std::uint32_t> per_host_connections[2];  // of a priority
  HttpUse http_use = HttpUse::http1;
  Rare<http::Http1Options> http1;
  Rare<http2::Options> http2;
  std::optional<Duration> idle_timeout = std::chrono::hours(1);  // 0 or unset by config: none
  std::optional<Duration> max_connection_duration, max_stream_duration;
  std::uint32_t requests_per_connection_max = 0;  // 0: no limit
  std::optional<net::KeepaliveOptions> keepalive;
  std::vector<BindSource> bind_sources;  // by family; none: the kernel chooses
  bool freebind = false;
  std::vector<net::RawOption> socket_options;
  std::shared_ptr<const net::UpstreamSocket> socket;   // null: plain
  std::vector<SocketMatch> socket_matches;             // the first that an endpoint has goes before `socket`
  bool auto_sni = false, auto_san_validation = false;  // out of the request's host ...
  std::string auto_sni_header;                         // ... or of this header of it
  Rare<DnsRules> dns;
  Rare<OriginalDst> original_dst;
  std::shared_ptr<class DnsCache> dns_cache;  // of dynamic forward proxies
  std::vector<std::string> listed;            // clusters of an aggregate
  std::vector<EndpointPtr> endpoints;  // static members
  bool close_on_members_change = false;
  bool close_on_host_failure = false;  // raw connections to hosts that fail their checks or are ejected
  bool wait_for_warm = true;  // the listeners open when its names were answered
  bool added_via_api = false;
  std::string eds_name;  // its name for EDS, when that is another
  MetadataPtr metadata;
  bool track_timeout_budgets = false, track_sizes = false;
  bool pool_per_downstream = false;              // connection_pool_per_downstream_connection
  double preconnect = 1;                         // per_upstream_preconnect_ratio
  std::unique_ptr<const HashConfig> hash;        // of ring_hash and maglev only
  std::unique_ptr<const SubsetConfig> subset;    // null: none
  std::shared_ptr<const struct OverrideHosts> override_hosts;  // policy override_host, around the others; null: none
  std::unique_ptr<const OutlierConfig> outlier;  // null: none
  std::unique_ptr<const HealthConfig> health;    // null: no active checks
  bool remove_checked_hosts = false;             // at once, whatever their checks say
  bool exclude_unchecked_hosts = false;          // ignore_new_hosts_until_first_hc
};
using ClusterConfigPtr = std::shared_ptr<const ClusterConfig>;

}  // namespace outrigger::upstream
