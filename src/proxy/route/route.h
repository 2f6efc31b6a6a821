// Compiled route configuration: virtual hosts, routes and their actions. Immutable, built on the
// main thread by xds/compile, shared by all workers. match() neither allocates nor locks.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>
#include "proxy/base/demand.h"
#include "proxy/base/rare.h"
#include "proxy/base/time.h"
#include "proxy/net/address.h"
#include "proxy/route/header_mutation.h"
#include "proxy/route/matcher.h"
#include "proxy/route/rate_limit.h"
#include "proxy/route/uri_template.h"
#include "proxy/runtime/runtime.h"
#include "proxy/stats/lease.h"
#include "proxy/stats/stats.h"

namespace re2 {
class RE2;
}

namespace outrigger::route {

/// What a filter's compiler made of its config in a route.
struct FilterPart {
  virtual ~FilterPart() = default;
};
/// Per-filter config of typed_per_filter_config. The name need not be of a filter of the config's kind: then it has no effect.
struct FilterOverride {
  std::string filter;  // the HTTP filter's config name in the chain
  bool disabled = false;
  std::shared_ptr<const FilterPart> config;
  /// Null: none of that kind.
  template <class T>
  const T* as() const noexcept {
    return dynamic_cast<const T*>(config.get());
  }
};
using FilterOverrides = std::vector<FilterOverride>;

/// Bits of RetryPolicy::on.
namespace retry_on {
enum : std::uint32_t {
  k5xx = 1,
  kGatewayError = 2,
  kReset = 4,
  kResetBeforeRequest = 8,
  kConnectFailure = 16,
  kEnvoyRatelimited = 32,
  kRetriable4xx = 64,
  kRefusedStream = 128,
  kRetriableStatusCodes = 256,
  kRetriableHeaders = 512,
  kHttp3PostConnectFailure = 1024,
  kGrpcCancelled = 1 << 16,
  kGrpcDeadlineExceeded = 1 << 17,
  kGrpcInternal = 1 << 18,
  kGrpcResourceExhausted = 1 << 19,
  kGrpcUnavailable = 1 << 20
};
/// Parses a comma-separated list; unknown words are ignored and reported by `all_known`.
std::uint32_t parse(std::string_view list, bool& all_known) noexcept;
std::uint32_t parse_grpc(std::string_view list, bool& all_known) noexcept;
}  // namespace retry_on

struct ResetHeader {  // rate_limited_retry_back_off.reset_headers
  std::string name;
  bool unix_timestamp = false;
};

struct RetryPolicy {
  std::uint32_t on = 0;
  std::optional<std::uint32_t> retries;  // num_retries; unset: 1
  std::optional<Duration> per_try_timeout, per_try_idle_timeout;
  std::vector<std::uint32_t> status_codes;
  std::vector<HeaderMatcher> retriable_headers, retriable_request_headers;
  std::optional<Duration> back_off_base, back_off_max;
  std::vector<ResetHeader> reset_headers;
  Duration reset_max = std::chrono::seconds(300);
  std::uint32_t host_attempts_max = 1;  // host_selection_retry_max_attempts
  bool previous_hosts = false, omit_canary_hosts = false;
  /// Of each: hosts whose envoy.lb metadata has all of its fields.
  std::vector<MetadataValue> omit_host_metadata;
  std::uint32_t previous_priorities_every = 0;  // retry_priority's update_frequency; 0: none
};

struct HedgePolicy {
  std::uint32_t initial_requests = 1;
  bool on_per_try_timeout = false;
};

struct ClusterWeight {
  std::string cluster, cluster_header;
  std::uint32_t weight = 0;
  std::string runtime_key;
  HeaderMutations request_mutations, response_mutations;
  FilterOverrides overrides;
  std::string host_rewrite;
  std::shared_ptr<const MetadataValue> subset;  // the route's when it has none
};

/// Those among which a route chooses.
struct WeightedClusters {
  std::vector<ClusterWeight> all;
  std::uint32_t total_weight = 0;
  std::string header, runtime_prefix;  // a number in the request's stands for the random one; empty: none
  bool by_hash = false;
};

/// Of one level of a route configuration.
struct HeadMutations {
  HeaderMutations request, response;
  bool empty() const noexcept { return request.empty() && response.empty(); }
};

/// What traces call requests of a route.
struct Decorator {
  std::string operation;
  bool propagate = true;
};

struct HashPolicy {
  enum Kind : std::uint8_t { header, cookie, source_ip, query_parameter, filter_state } kind = header;
  bool terminal = false;
  std::string name;  // header, cookie, parameter, key
  std::shared_ptr<const re2::RE2> re;
  std::string substitution;
  std::optional<Duration> cookie_ttl;
  std::string cookie_path;
  std::vector<std::pair<std::string, std::string>> cookie_attributes;
};

struct MirrorPolicy {
  std::string cluster, cluster_header;
  runtime::RuntimePercent fraction;
  bool append_shadow_suffix = true;
  HeaderMutationSteps mutations;
  std::string host_rewrite;
};

struct InternalRedirectPolicy {
  bool enabled = false;
  std::uint32_t redirects_max = 1;
  std::vector<std::uint32_t> codes{302};
  bool allow_cross_scheme = false;
  std::vector<std::string> copy_headers;
  struct Predicate {
    enum Kind : std::uint8_t { previous_routes, safe_cross_scheme, allow_listed_routes } kind;
    std::vector<std::string> names;  // of the allowed routes
  };
  std::vector<Predicate> predicates;  // all must agree
};

struct UpgradeConfig {
  std::string type;  // lower case: "websocket", "connect"
  bool enabled = true;
  bool is_connect_config = false, allow_post = false;
  std::uint8_t proxy_version = 0;  // of the PROXY header in front of what CONNECT brings; 0: none
};

/// What a matched route does with the path and the host.
struct Rewrite {
  std::string prefix;  // prefix_rewrite; `has_prefix` tells
  bool has_prefix = false;
  std::shared_ptr<const re2::RE2> regex;
  std::string substitution;
  std::optional<UriTemplateRewrite> path_template;  // path_rewrite_policy; the match's regex has the variables
  std::optional<format::TextFormat> path_format;    // path_rewrite
  enum Host : std::uint8_t { none, literal, automatic, header, path_regex, formatted } host = none;
  std::optional<format::TextFormat> host_format;
  std::string host_value;  // literal or header name
  std::shared_ptr<const re2::RE2> host_regex;
  std::string host_substitution;
  bool append_x_forwarded_host = false;
};

struct Redirect {
  std::uint16_t code = 301;
  std::string scheme, host, path, prefix;  // empty: unchanged
  bool https = false, has_path = false, has_prefix = false, strip_query = false;
  std::uint32_t port = 0;
  std::shared_ptr<const re2::RE2> regex;
  std::string substitution;
  std::optional<format::TextFormat> path_format;  // path_rewrite
};

struct DirectResponse {
  std::uint16_t status = 200;
  std::string body;
  std::shared_ptr<const format::TextFormat> text_format;  // body_format
  std::shared_ptr<const format::JsonFormat> json_format;
  std::string content_type;
};

struct VirtualHost;

struct MaxStreamDuration {
  std::optional<Duration> max, grpc_timeout_max, grpc_timeout_offset;
};
/// The deprecated fields for limits that clients of gRPC tell.
struct GrpcTimeout {
  std::optional<Duration> max, offset;
};

struct Route {
  enum Kind : std::uint8_t { forward, redirect, direct_response, non_forwarding } kind = forward;
  std::string name;
  MetadataPtr metadata;
  RouteMatch match;
  const VirtualHost* vhost = nullptr;
  // forward
  enum Choice : std::uint8_t { cluster_name, cluster_header, weighted } choice = cluster_name;
  std::string cluster;  // name or header name
  Rare<WeightedClusters> weights;
  std::shared_ptr<const MetadataValue> subset;  // metadata_match: an object of what hosts must have; null: nothing
  std::uint16_t cluster_not_found_code = 503;
  Rare<Rewrite> rewrite;
  std::optional<Duration> timeout = std::chrono::seconds(15);  // 0: none
  bool timeout_set = false;
  std::optional<Duration> idle_timeout, flush_timeout;  // 0: disabled
  Rare<MaxStreamDuration> max_stream_duration;
  Rare<GrpcTimeout> grpc_timeout;
  std::shared_ptr<const RetryPolicy> retry;                       // the vhost's when the route has none
  HedgePolicy hedge;
  std::vector<HashPolicy> hash;
  std::shared_ptr<const std::vector<MirrorPolicy>> mirrors;  // the nearest level's; null: none
  bool high_priority = false;
  Rare<InternalRedirectPolicy> internal_redirect;
  std::vector<UpgradeConfig> upgrades;
  std::optional<std::uint64_t> body_bytes_max;  // kept for retries; unset: the connection's limit
  Rare<RateLimitRules> rate_limits;
  bool include_vhost_rate_limits = false;
  // others
  Rare<Redirect> redirect_to;
  Rare<DirectResponse> direct;
  Rare<HeadMutations> mutations;
  FilterOverrides overrides;
  Rare<Decorator> decorator;
  std::string stat_prefix;
  stats::BlockHandle route_stats;  // vhost.<v>.route.<stat_prefix>.*
  bool has_route_stats = false;
};

struct VirtualCluster {
  std::string name;
  std::vector<HeaderMatcher> headers;
  stats::BlockHandle stats;
};

/// What a route configuration says for all of its virtual hosts.
struct RouteLevel {
  Rare<HeadMutations> mutations;
  FilterOverrides overrides;
  bool most_specific_header_mutations_wins = false;
};

/// Versions of a route configuration share those that are the same: none changes once it is in an index.
struct VirtualHost {
  std::string name;
  std::vector<std::string> domains;
  MetadataPtr metadata;
  std::vector<Route> routes;
  enum Tls : std::uint8_t { none, external_only, all } require_tls = none;
  std::vector<VirtualCluster> virtual_clusters;
  stats::BlockHandle other_stats;  // vhost.<v>.vcluster.other.*
  Rare<HeadMutations> mutations;
  FilterOverrides overrides;
  bool include_attempt_count = false, include_attempt_count_in_response = false;
  bool include_is_timeout_retry = false;
  Rare<RateLimitRules> rate_limits;
  std::shared_ptr<const RouteLevel> level;  // null: not in an index yet
};

struct RouteConfig {
  std::string name;
  std::vector<std::shared_ptr<VirtualHost>> vhosts;
  std::shared_ptr<const RouteLevel> level = std::make_shared<const RouteLevel>();
  std::vector<std::string> internal_only_headers;
  bool ignore_port_in_host_matching = false, ignore_path_parameters = false;
  std::uint32_t direct_response_body_bytes_max = 4096;
  std::string vhost_header;
  DemandPtr more_hosts;   // can be asked for others, by the host of a request; null: there are none
  stats::LeasePtr lease;  // of one that may go

  /// Builds the domain index; called once by the compile layer. Errors on duplicate domains.
  Result<void> index();
  /// The virtual host of a host header: exact, longest suffix, longest prefix, "*". Null: none.
  const VirtualHost* find_vhost(const http::RequestHead& head) const noexcept;
  /// Null: no route. (require_tls is the caller's: see needs_tls_redirect.)
  const Route* match(const http::RequestHead& head, const MatchContext& c) const noexcept;
  const Route* match_in(const VirtualHost& vh, const http::RequestHead& head, const MatchContext& c) const noexcept;

 private:
  std::unordered_map<std::string_view, const VirtualHost*> exact_;
  // by length of the fixed part, longest first
  std::vector<std::pair<std::size_t, std::unordered_map<std::string_view, const VirtualHost*>>> suffix_, prefix_;
  const VirtualHost* any_ = nullptr;
  bool all_lower_ = true;
};

/// The cluster a forward route chose for one request, with the weighted entry when there is one.
struct Chosen {
  std::string_view cluster{};  // empty: cluster_header absent
  const ClusterWeight* weight = nullptr;
};
Chosen choose_cluster(const Route& r, const http::RequestHead& head, const MatchContext& c);

/// Path and host rewriting for upstream, x-envoy-original-path, header mutations of all levels in
/// Envoy's order. `arena` holds new strings.
struct FinalizeOptions {
  bool insert_original_path = true;  // not suppress_envoy_headers
};
void finalize_request(const Route& r, const ClusterWeight* weight, http::RequestHead& head, const format::Context& c,
                      const FinalizeOptions& o);
void finalize_response(const Route& r, const ClusterWeight* weight, http::ResponseHead& head, const format::Context& c);
/// Location of a redirect route, or of require_tls (r == null: https of the same URL).
std::string_view redirect_location(const Route* r, const http::RequestHead& head, const format::Context& c, Arena& arena);
/// Cookies that a hash is taken of when the request has none: the response sets them. In the arena.
struct NewCookies {
  struct Cookie {
    std::string_view text;
    Cookie* next = nullptr;
  };
  Cookie *first = nullptr, *last = nullptr;
  void add(std::string_view text, Arena& arena) {
    auto* c = arena.make<Cookie>(text);
    (last == nullptr ? first : last->next) = c;
    last = c;
  }
};
/// By the route's hash policies. `made`: null: no cookies are made.
std::optional<std::uint64_t> request_hash(const Route& r, const http::RequestHead& head, const http::StreamInfo& info,
                                          Arena& arena, NewCookies* made);

}  // namespace outrigger::route
