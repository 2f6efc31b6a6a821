#include "xds/compile/cluster.h"

#include "envoy/extensions/load_balancing_policies/least_request/v3/least_request.pb.h"
#include "envoy/extensions/load_balancing_policies/random/v3/random.pb.h"
#include "envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "xds/compile/convert.h"
#include "xds/compile/http.h"
#include "xds/compile/metadata.h"
#include "xds/compile/tls.h"

namespace outrigger::xds {

namespace cluster_v3 = envoy::config::cluster::v3;
namespace core_v3 = envoy::config::core::v3;
namespace endpoint_v3 = envoy::config::endpoint::v3;
namespace lb_v3 = envoy::extensions::load_balancing_policies;
using Cluster = cluster_v3::Cluster;
using HttpOptions = envoy::extensions::upstreams::http::v3::HttpProtocolOptions;

namespace {

void compile_least_request(const Cluster::LeastRequestLbConfig& p, upstream::ClusterConfig& o) {
  if (p.has_choice_count()) o.choice_count = p.choice_count().value();
  if (p.has_active_request_bias()) o.active_request_bias = to_runtime(p.active_request_bias());
}

/// The first policy of the list that is implemented.
void compile_policy_list(const cluster_v3::LoadBalancingPolicy& p, upstream::ClusterConfig& o, const Path& at,
                         Problems& problems) {
  for (const auto& policy : p.policies()) {
    const auto& any = policy.typed_extension_config().typed_config();
    if (any.Is<lb_v3::round_robin::v3::RoundRobin>()) {
      o.lb = upstream::LbKind::round_robin;
    } else if (any.Is<lb_v3::random::v3::Random>()) {
      o.lb = upstream::LbKind::random;
    } else if (any.Is<lb_v3::least_request::v3::LeastRequest>()) {
      lb_v3::least_request::v3::LeastRequest l;
      any.UnpackTo(&l);
      o.lb = upstream::LbKind::least_request;
      if (l.has_choice_count()) o.choice_count = l.choice_count().value();
      if (l.has_active_request_bias()) o.active_request_bias = to_runtime(l.active_request_bias());
    } else {
      continue;
    }
    return;
  }
  problems.error(at, "none of the load balancing policies is implemented: use round_robin, least_request or random");
}

void compile_balancing(const Cluster& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  switch (p.lb_policy()) {
    case Cluster::LEAST_REQUEST: o.lb = upstream::LbKind::least_request; break;
    case Cluster::RANDOM: o.lb = upstream::LbKind::random; break;
    case Cluster::RING_HASH:
    case Cluster::MAGLEV:
    case Cluster::CLUSTER_PROVIDED:
      problems.error(at / "lb_policy",
                     Cluster::LbPolicy_Name(p.lb_policy()) + " is known to Envoy and not implemented by Outrigger");
      break;
    default: break;
  }
  if (p.has_least_request_lb_config()) compile_least_request(p.least_request_lb_config(), o);
  if (p.has_load_balancing_policy()) compile_policy_list(p.load_balancing_policy(), o, at / "load_balancing_policy", problems);
  if (p.common_lb_config().has_healthy_panic_threshold())
    o.panic_percent = static_cast<std::uint32_t>(p.common_lb_config().healthy_panic_threshold().value());
}

void compile_thresholds(const cluster_v3::CircuitBreakers::Thresholds& p, upstream::Thresholds& o) {
  if (p.has_max_connections()) o.connections = p.max_connections().value();
  if (p.has_max_pending_requests()) o.pending = p.max_pending_requests().value();
  if (p.has_max_requests()) o.requests = p.max_requests().value();
  if (p.has_max_retries()) o.retries = p.max_retries().value();
  if (!p.has_retry_budget()) return;
  o.has_retry_budget = true;
  if (p.retry_budget().has_budget_percent()) o.retry_budget_percent = p.retry_budget().budget_percent().value();
  if (p.retry_budget().has_min_retry_concurrency()) o.retry_budget_min = p.retry_budget().min_retry_concurrency().value();
}

void compile_common_http(const core_v3::HttpProtocolOptions& p, upstream::ClusterConfig& o) {
  if (p.has_idle_timeout()) {
    const auto d = to_duration(p.idle_timeout());
    o.idle_timeout = d.count() == 0 ? std::nullopt : std::optional(d);
  }
  if (p.has_max_connection_duration()) o.max_connection_duration = to_duration(p.max_connection_duration());
  if (p.has_max_stream_duration()) o.max_stream_duration = to_duration(p.max_stream_duration());
  if (p.has_max_requests_per_connection()) o.requests_per_connection_max = p.max_requests_per_connection().value();
  if (p.has_max_headers_count()) o.http1.headers_max = p.max_headers_count().value();
  if (p.has_max_response_headers_kb()) o.http2.headers_kb_max = o.http1.headers_kb_max = p.max_response_headers_kb().value();
  o.http2.headers_max = o.http1.headers_max;
}

/// `p`: explicit_http_config, use_downstream_protocol_config or auto_config.
template <class Both>
void compile_both(const Both& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  compile_http1_options(p.http_protocol_options(), o.http1, at, problems);
  compile_http2_options(p.http2_protocol_options(), o.http2);
}

void compile_http(const Cluster& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  constexpr std::uint32_t kResponseHeadersKb = 80;  // Envoy's default for responses
  o.http1.headers_kb_max = kResponseHeadersKb;
  compile_common_http(p.common_http_protocol_options(), o);
  if (p.has_http_protocol_options())
    compile_http1_options(p.http_protocol_options(), o.http1, at / "http_protocol_options", problems);
  if (p.has_http2_protocol_options()) {
    o.http_use = upstream::HttpUse::http2;
    compile_http2_options(p.http2_protocol_options(), o.http2);
  }
  if (p.protocol_selection() == Cluster::USE_DOWNSTREAM_PROTOCOL) o.http_use = upstream::HttpUse::downstream;
  if (p.has_max_requests_per_connection()) o.requests_per_connection_max = p.max_requests_per_connection().value();
  const Path options = at / "typed_extension_protocol_options";
  for (const auto& [name, any] : p.typed_extension_protocol_options()) {
    if (!any.Is<HttpOptions>()) {
      problems.error(options / name, "protocol options of type '" + any.type_url() + "' are not implemented");
      continue;
    }
    HttpOptions h;
    any.UnpackTo(&h);
    compile_common_http(h.common_http_protocol_options(), o);
    const Path here = options / name;
    if (h.has_explicit_http_config()) {
      const bool http2 = h.explicit_http_config().has_http2_protocol_options();
      o.http_use = http2 ? upstream::HttpUse::http2 : upstream::HttpUse::http1;
      compile_both(h.explicit_http_config(), o, here / "explicit_http_config", problems);
    } else if (h.has_use_downstream_protocol_config()) {
      o.http_use = upstream::HttpUse::downstream;
      compile_both(h.use_downstream_protocol_config(), o, here / "use_downstream_protocol_config", problems);
    } else if (h.has_auto_config()) {
      o.http_use = upstream::HttpUse::negotiated;
      compile_both(h.auto_config(), o, here / "auto_config", problems);
    }
  }
}

upstream::Health compile_health(core_v3::HealthStatus s) {
  switch (s) {
    case core_v3::HEALTHY: return upstream::Health::healthy;
    case core_v3::UNHEALTHY: return upstream::Health::unhealthy;
    case core_v3::DRAINING: return upstream::Health::draining;
    case core_v3::TIMEOUT: return upstream::Health::timeout;
    case core_v3::DEGRADED: return upstream::Health::degraded;
    default: return upstream::Health::unknown;
  }
}

/// Everything but the address.
upstream::Endpoint compile_endpoint(const endpoint_v3::LocalityLbEndpoints& l, const endpoint_v3::LbEndpoint& p) {
  upstream::Endpoint e;
  e.hostname = p.endpoint().hostname();
  e.weight = p.has_load_balancing_weight() ? p.load_balancing_weight().value() : 1;
  e.priority = l.priority();
  e.locality_weight = l.load_balancing_weight().value();
  e.locality = {l.locality().region(), l.locality().zone(), l.locality().sub_zone()};
  e.health = compile_health(p.health_status());
  e.metadata = compile_metadata(p.metadata());
  const auto lb = p.metadata().filter_metadata().find("envoy.lb");
  if (lb != p.metadata().filter_metadata().end())
    for (const auto& [key, value] : lb->second.fields()) {
      if (value.has_string_value()) e.lb_metadata.emplace_back(key, value.string_value());
      if (key == "canary" && value.bool_value()) e.canary = true;
    }
  return e;
}

void compile_endpoints(const Cluster& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  const Path assignment = at / "load_assignment";
  const bool dns = p.type() == Cluster::STRICT_DNS || p.type() == Cluster::LOGICAL_DNS;
  for (int i = 0; i < p.load_assignment().endpoints_size(); ++i) {
    const auto& l = p.load_assignment().endpoints(i);
    const Path locality = assignment.at("endpoints", i);
    for (int k = 0; k < l.lb_endpoints_size(); ++k) {
      const auto& e = l.lb_endpoints(k);
      const Path lb_endpoint = locality.at("lb_endpoints", k);
      const Path endpoint = lb_endpoint / "endpoint";
      auto out = compile_endpoint(l, e);
      const auto& a = e.endpoint().address();
      if (dns && a.has_socket_address() && !net::Address::parse_ip(a.socket_address().address(), 0)) {
        o.dns_hosts.push_back(
            {a.socket_address().address(), static_cast<std::uint16_t>(a.socket_address().port_value()), std::move(out)});
        continue;
      }
      out.address = compile_address(a, endpoint / "address", problems);
      if (!out.address.empty()) o.endpoints.push_back(std::make_shared<const upstream::Endpoint>(std::move(out)));
    }
  }
  if (p.type() == Cluster::LOGICAL_DNS && o.dns_hosts.size() + o.endpoints.size() != 1)
    problems.error(assignment, "LOGICAL_DNS clusters must have a single locality_lb_endpoint and a single lb_endpoint");
  if (p.load_assignment().policy().has_overprovisioning_factor())
    o.overprovisioning = p.load_assignment().policy().overprovisioning_factor().value();
}

void compile_sockets(const Cluster& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  const auto& k = p.upstream_connection_options().tcp_keepalive();
  if (p.upstream_connection_options().has_tcp_keepalive())
    o.keepalive = net::KeepaliveOptions{k.keepalive_probes().value(), k.keepalive_time().value(), k.keepalive_interval().value()};
  const Path bind = at / "upstream_bind_config";
  if (p.upstream_bind_config().has_source_address())
    o.bind_source = compile_address(p.upstream_bind_config().source_address(), bind / "source_address", problems);
  for (const auto& s : p.upstream_bind_config().socket_options()) o.socket_options.push_back(to_raw_option(s));
}

void compile_dns(const Cluster& p, upstream::ClusterConfig& o) {
  if (p.has_dns_refresh_rate()) o.dns_refresh = to_duration(p.dns_refresh_rate());
  o.respect_dns_ttl = p.respect_dns_ttl();
  constexpr upstream::DnsFamily kFamilies[] = {upstream::DnsFamily::automatic, upstream::DnsFamily::v4_only,
                                               upstream::DnsFamily::v6_only, upstream::DnsFamily::v4_preferred,
                                               upstream::DnsFamily::all};
  if (p.dns_lookup_family() >= 0 && p.dns_lookup_family() < 5) o.dns_family = kFamilies[p.dns_lookup_family()];
}

}  // namespace

upstream::ClusterConfigPtr compile_cluster(const Cluster& p, const Path& at, CompileContext& c) {
  Problems& problems = c.problems;
  const auto errors = problems.errors();
  auto o = std::make_shared<upstream::ClusterConfig>();
  o->name = p.name();
  o->stat_name = p.alt_stat_name().empty() ? p.name() : p.alt_stat_name();
  o->observability_name = o->stat_name;
  o->metadata = compile_metadata(p.metadata());
  switch (p.type()) {
    case Cluster::STRICT_DNS: o->discovery = upstream::Discovery::strict_dns; break;
    case Cluster::LOGICAL_DNS: o->discovery = upstream::Discovery::logical_dns; break;
    case Cluster::EDS:
    case Cluster::ORIGINAL_DST:
      problems.error(at / "type", Cluster::DiscoveryType_Name(p.type()) + " is known to Envoy and not implemented by Outrigger");
      break;
    default: break;
  }
  compile_balancing(p, *o, at, problems);
  if (p.has_connect_timeout()) o->connect_timeout = to_duration(p.connect_timeout());
  if (p.has_per_connection_buffer_limit_bytes()) o->buffer_bytes_max = p.per_connection_buffer_limit_bytes().value();
  for (const auto& t : p.circuit_breakers().thresholds())
    compile_thresholds(t, t.priority() == core_v3::HIGH ? o->high : o->normal);
  compile_http(p, *o, at, problems);
  compile_endpoints(p, *o, at, problems);
  compile_sockets(p, *o, at, problems);
  compile_dns(p, *o);
  if (p.has_transport_socket())
    o->socket = compile_upstream_socket(p.transport_socket(), "cluster." + stats::sanitize(o->stat_name) + ".",
                                        at / "transport_socket", c);
  return problems.errors() == errors ? o : nullptr;
}

}  // namespace outrigger::xds
