// HttpConnectionManager, compiled: immutable, shared by all workers, made by xds/compile.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "proxy/accesslog/access_log.h"
#include "proxy/base/time.h"
#include "proxy/hcm/filter.h"
#include "proxy/hcm/route_source.h"
#include "proxy/hcm/scopes.h"
#include "proxy/http/codec_options.h"
#include "proxy/http2/options.h"
#include "proxy/net/address.h"
#include "proxy/route/route.h"
#include "proxy/stats/names.h"

namespace outrigger::hcm {

struct LocalReplyMapper {
  std::shared_ptr<const accesslog::Filter> filter;
  std::optional<std::uint16_t> status;
  std::optional<std::string> body;
  std::shared_ptr<const format::TextFormat> text;  // body_format_override
  std::shared_ptr<const format::JsonFormat> json;
  std::string content_type;
  route::HeaderMutations headers;
};
struct LocalReplyConfig {
  std::vector<LocalReplyMapper> mappers;
  std::shared_ptr<const format::TextFormat> text;  // body_format
  std::shared_ptr<const format::JsonFormat> json;
  std::string content_type;
};

/// Where the client's address comes from besides the socket (original_ip_detection_extensions).
struct IpDetection {
  enum Kind : std::uint8_t { xff, custom_header } kind = xff;
  std::uint32_t trusted_hops = 0;
  std::vector<net::CidrRange> trusted_cidrs;
  bool skip_xff_append = false;
  std::string header;
  bool allow_trusted = false;
  std::optional<std::uint16_t> reject_status;
};

/// Proxy-Status (RFC 9209) in responses to what went wrong.
struct ProxyStatusConfig {
  std::string name;
  bool details = true, termination_details = true, flags = true;
  bool recommended_code = false;
};

/// Which requests are traced. There is no tracer: it is said to others, in x-request-id and x-envoy-decorator-operation.
struct Tracing {
  runtime::FractionalPercent client{100}, random{10'000, runtime::Denominator::ten_thousand},
      overall{10'000, runtime::Denominator::ten_thousand};
  bool in_request_id = true, by_request_id = true;  // the decision is written into it, and made by it
  bool outbound = false;                            // the listener's direction
};

struct Upgrade {
  std::string type;  // lower case
  bool enabled = true;
  std::vector<std::shared_ptr<const FilterFactory>> filters;  // empty: those of the manager
};

struct Config {
  std::string stat_prefix;
  stats::BlockHandle stats;           // http.<prefix>.: HttpStat
  stats::BlockHandle router_stats;    // http.<prefix>.: RouterStat
  stats::BlockHandle listener_stats;  // listener.<address>.http.<prefix>.: ListenerHttpStat
  stats::BlockHandle codec_stats;     // http1.: Http1Stat
  stats::BlockHandle route_stats;     // http.<prefix>.: RouteResolutionStat; null: not wanted
  stats::BlockHandle tracing_stats;   // http.<prefix>.tracing.: HttpTracingStat
  stats::BlockHandle http2_stats;     // http2.: Http2Stat
  enum class Codec : std::uint8_t { automatic, http1, http2 } codec = Codec::automatic;
  http::Http1Options http1;
  http2::Options http2;

  enum ServerHeader : std::uint8_t { overwrite, append_if_absent, pass_through } server_header = overwrite;
  std::string server_name = "envoy";
  std::string via;
  std::string scheme_to_overwrite;  // scheme_header_transformation; empty: none
  bool scheme_match_upstream = false;

  enum ClientCert : std::uint8_t {
    sanitize,
    forward_only,
    append_forward,
    sanitize_set,
    always_forward_only
  } client_cert = sanitize;  // forward_client_cert_details
  bool client_cert_subject = false, client_cert_pem = false, client_cert_chain = false, client_cert_dns = false,
       client_cert_uri = false, client_cert_issuer = false, client_cert_json = false;  // set_current_client_cert_details
  route::HeaderMutationSteps early_mutations;                                          // before anything looks at the request

  bool use_remote_address = false;
  std::uint32_t xff_trusted_hops = 0;
  bool skip_xff_append = false;
  bool append_x_forwarded_port = false;
  std::vector<std::uint32_t> https_ports, http_ports;  // forward_proto_config
  std::vector<IpDetection> ip_detection;
  std::vector<net::CidrRange> internal_ranges;
  bool internal_unix_sockets = false;
  std::string local_address_text;  // this node's own address, appended for loopback peers
  bool add_user_agent = false;
  std::string local_service_cluster, local_service_node;

  std::optional<Tracing> tracing;
  bool generate_request_id = true;
  bool preserve_external_request_id = false;
  bool always_set_request_id_in_response = false;

  bool normalize_path = false, merge_slashes = false;
  enum EscapedSlashes : std::uint8_t { keep, reject, unescape_and_redirect, unescape_and_forward } escaped_slashes = keep;
  bool strip_matching_host_port = false, strip_any_host_port = false, strip_trailing_host_dot = false;
  bool proxy_100_continue = false;
  bool tells_addresses = true;  // of its clients, to upstreams that want a PROXY header
  bool stream_error_on_invalid_http_message = false;
  bool append_local_overload = false;  // x-envoy-local-overloaded, in what is answered for overload

  // Unset: none.
  std::optional<Duration> idle_timeout = std::chrono::hours(1);
  std::optional<Duration> max_connection_duration, max_stream_duration, request_timeout, request_headers_timeout;
  std::optional<Duration> stream_idle_timeout = std::chrono::minutes(5);
  std::optional<Duration> stream_flush_timeout;
  Duration delayed_close_timeout = std::chrono::seconds(1);  // 0: none
  Duration drain_timeout = std::chrono::seconds(5);
  double max_connection_duration_jitter = 0, drain_timeout_jitter = 0;  // at most, in percent
  std::uint32_t requests_per_connection_max = 0;
  bool http1_safe_max_connection_duration = false;

  std::vector<Upgrade> upgrades;
  std::vector<std::shared_ptr<const FilterFactory>> filters;  // the router is last
  std::shared_ptr<const route::RouteConfig> routes;
  std::shared_ptr<const RouteSource> route_source;  // instead of `routes`; null: those are fixed
  std::shared_ptr<const ScopeSource> scopes;        // instead of both; null: there are none
  ScopeKeyBuilder scope_key;
  accesslog::AccessLogs access_logs;
  bool log_on_new_request = false, log_on_tunnel = false;
  std::optional<Duration> log_flush_interval;
  LocalReplyConfig local_reply;
  std::optional<ProxyStatusConfig> proxy_status;
};
using ConfigPtr = std::shared_ptr<const Config>;

}  // namespace outrigger::hcm
