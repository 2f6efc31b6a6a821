#include "xds/compile/cluster.h"

#include <map>
#include "envoy/extensions/clusters/aggregate/v3/cluster.pb.h"
#include "envoy/extensions/clusters/dns/v3/dns_cluster.pb.h"
#include "envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "proxy/net/first_of.h"
#include "xds/compile/cluster_parts.h"
#include "xds/compile/convert.h"
#include "xds/compile/endpoints.h"
#include "xds/compile/http.h"
#include "xds/compile/istio.h"
#include "xds/compile/metadata.h"
#include "xds/compile/upstream_socket.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

namespace cluster_v3 = envoy::config::cluster::v3;
namespace core_v3 = envoy::config::core::v3;
namespace endpoint_v3 = envoy::config::endpoint::v3;
using Cluster = cluster_v3::Cluster;
using DnsCluster = envoy::extensions::clusters::dns::v3::DnsCluster;
using AggregateCluster = envoy::extensions::clusters::aggregate::v3::ClusterConfig;
using ForwardCluster = envoy::extensions::clusters::dynamic_forward_proxy::v3::ClusterConfig;
using HttpOptions = envoy::extensions::upstreams::http::v3::HttpProtocolOptions;

namespace {

/// Of both protocols, while they are compiled.
struct Codecs {
  http::Http1Options http1;
  http2::Options http2;
};

void compile_common_http(const core_v3::HttpProtocolOptions& p, upstream::ClusterConfig& o, Codecs& codecs) {
  if (p.has_idle_timeout()) {
    const auto d = to_duration(p.idle_timeout());
    o.idle_timeout = d.count() == 0 ? std::nullopt : std::optional(d);
  }
  if (p.has_max_connection_duration()) o.max_connection_duration = to_duration(p.max_connection_duration());
  if (p.has_max_stream_duration()) o.max_stream_duration = to_duration(p.max_stream_duration());
  if (p.has_max_requests_per_connection()) o.requests_per_connection_max = p.max_requests_per_connection().value();
  if (p.has_max_headers_count()) codecs.http1.headers_max = p.max_headers_count().value();
  if (p.has_max_response_headers_kb())
    codecs.http2.headers_kb_max = codecs.http1.headers_kb_max = p.max_response_headers_kb().value();
  codecs.http2.headers_max = codecs.http1.headers_max;
}

void compile_peer_names(const core_v3::UpstreamHttpProtocolOptions& p, upstream::ClusterConfig& o) {
  o.auto_sni = p.auto_sni();
  o.auto_san_validation = p.auto_san_validation();
  o.auto_sni_header = lower(p.override_auto_sni_header());
}

/// `p`: explicit_http_config, use_downstream_protocol_config or auto_config.
template <class Both>
void compile_both(const Both& p, Codecs& o, const Path& at, Problems& problems) {
  compile_http1_options(p.http_protocol_options(), o.http1, at, problems);
  compile_http2_options(p.http2_protocol_options(), o.http2);
}

void compile_http_options(const Cluster& p, upstream::ClusterConfig& o, Codecs& codecs, const Path& at, Problems& problems) {
  compile_common_http(p.common_http_protocol_options(), o, codecs);
  compile_peer_names(p.upstream_http_protocol_options(), o);
  if (o.discovery == upstream::Discovery::forward && !p.has_upstream_http_protocol_options())
    o.auto_sni = o.auto_san_validation = true;
  if (p.has_http_protocol_options())
    compile_http1_options(p.http_protocol_options(), codecs.http1, at / "http_protocol_options", problems);
  if (p.has_http2_protocol_options()) {
    o.http_use = upstream::HttpUse::http2;
    compile_http2_options(p.http2_protocol_options(), codecs.http2);
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
    compile_common_http(h.common_http_protocol_options(), o, codecs);
    compile_peer_names(h.upstream_http_protocol_options(), o);
    const Path here = options / name;
    if (h.has_explicit_http_config()) {
      const bool http2 = h.explicit_http_config().has_http2_protocol_options();
      o.http_use = http2 ? upstream::HttpUse::http2 : upstream::HttpUse::http1;
      compile_both(h.explicit_http_config(), codecs, here / "explicit_http_config", problems);
    } else if (h.has_use_downstream_protocol_config()) {
      o.http_use = upstream::HttpUse::downstream;
      compile_both(h.use_downstream_protocol_config(), codecs, here / "use_downstream_protocol_config", problems);
    } else if (h.has_auto_config()) {
      o.http_use = upstream::HttpUse::negotiated;
      compile_both(h.auto_config(), codecs, here / "auto_config", problems);
    }
  }
}

void compile_http(const Cluster& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  constexpr std::uint32_t kResponseHeadersKb = 80;  // Envoy's default for responses
  static const auto usual = [] {
    auto http1 = std::make_shared<http::Http1Options>();
    http1->headers_kb_max = kResponseHeadersKb;
    return std::shared_ptr<const http::Http1Options>(http1);
  }();
  Codecs codecs{*usual, {}};
  compile_http_options(p, o, codecs, at, problems);
  if (p.has_common_http_protocol_options() || p.has_http_protocol_options() || p.has_http2_protocol_options() ||
      p.typed_extension_protocol_options_size() > 0) {
    o.http1.set(std::move(codecs.http1));
    o.http2.set(codecs.http2);
  } else {
    o.http1.share(usual);
  }
}

bool resolves_names(const upstream::ClusterConfig& o) {
  return o.discovery == upstream::Discovery::strict_dns || o.discovery == upstream::Discovery::logical_dns;
}

void compile_endpoints(const Cluster& p, upstream::ClusterConfig& o, upstream::DnsRules& names, const Path& at,
                       Problems& problems) {
  const Path assignment = at / "load_assignment";
  if (o.discovery == upstream::Discovery::forward && p.load_assignment().endpoints_size() > 0)
    return problems.warn(assignment, "has no effect: the hosts are those that requests name");
  if (o.discovery == upstream::Discovery::aggregate && p.load_assignment().endpoints_size() > 0)
    return problems.warn(assignment, "has no effect: the hosts are those of the clusters that are listed");
  for (int i = 0; i < p.load_assignment().endpoints_size(); ++i) {
    const auto& l = p.load_assignment().endpoints(i);
    const Path group = assignment.at("endpoints", i);
    const auto locality = compile_locality(l.locality());
    for (int k = 0; k < l.lb_endpoints_size(); ++k) {
      const auto& e = l.lb_endpoints(k);
      const Path lb_endpoint = group.at("lb_endpoints", k);
      const Path endpoint = lb_endpoint / "endpoint";
      auto out = compile_endpoint(l, e, locality, lb_endpoint, problems);
      const auto& a = e.endpoint().address();
      if (resolves_names(o) && a.has_socket_address()) {  // an IP as well: its own name
        if (e.endpoint().additional_addresses_size() > 0)
          problems.warn(endpoint / "additional_addresses", "has no effect: the addresses are those of the name");
        names.hosts.push_back(
            {a.socket_address().address(), static_cast<std::uint16_t>(a.socket_address().port_value()), std::move(out)});
        continue;
      }
      out.address = compile_address(a, endpoint / "address", problems);
      compile_more_addresses(e.endpoint(), out, endpoint, problems);
      if (!out.address.empty()) o.endpoints.push_back(std::make_shared<const upstream::Endpoint>(std::move(out)));
    }
  }
  if (o.discovery == upstream::Discovery::logical_dns && names.hosts.size() + o.endpoints.size() != 1)
    problems.error(assignment, "LOGICAL_DNS clusters must have a single locality_lb_endpoint and a single lb_endpoint");
}

/// A type by name, with the message that some of them have.
upstream::Discovery compile_cluster_type(const Cluster& p, const Path& at, Problems& problems) {
  using upstream::Discovery;
  const auto& type = p.cluster_type();
  if (type.typed_config().Is<DnsCluster>()) {
    DnsCluster d;
    type.typed_config().UnpackTo(&d);
    return d.all_addresses_in_single_endpoint() ? Discovery::logical_dns : Discovery::strict_dns;
  }
  if (type.typed_config().Is<ForwardCluster>() || type.name() == "envoy.clusters.dynamic_forward_proxy")
    return Discovery::forward;
  if (type.typed_config().Is<AggregateCluster>() || type.name() == "envoy.clusters.aggregate") return Discovery::aggregate;
  if (type.name() == "envoy.cluster.static") return Discovery::static_;
  if (type.name() == "envoy.cluster.strict_dns") return Discovery::strict_dns;
  if (type.name() == "envoy.cluster.logical_dns") return Discovery::logical_dns;
  if (type.name() == "envoy.cluster.original_dst") return Discovery::original_dst;
  problems.error(at / "cluster_type", "Didn't find a registered cluster factory implementation for name: '" + type.name() + "'");
  return Discovery::static_;
}

upstream::Discovery compile_discovery(const Cluster& p, const Path& at, Problems& problems) {
  if (p.has_cluster_type()) return compile_cluster_type(p, at, problems);
  switch (p.type()) {
    case Cluster::STRICT_DNS: return upstream::Discovery::strict_dns;
    case Cluster::LOGICAL_DNS: return upstream::Discovery::logical_dns;
    case Cluster::ORIGINAL_DST: return upstream::Discovery::original_dst;
    case Cluster::EDS: return upstream::Discovery::eds;
    default: break;
  }
  return upstream::Discovery::static_;
}

void compile_eds(const Cluster& p, upstream::ClusterConfig& o, const Path& at, CompileContext& c) {
  if (o.discovery != upstream::Discovery::eds) {
    if (p.has_eds_cluster_config()) c.problems.error(at / "eds_cluster_config", "eds_cluster_config set in a non-EDS cluster");
    return;
  }
  const Path here = at / "eds_cluster_config";
  o.eds_name = p.eds_cluster_config().service_name();
  if (!p.eds_cluster_config().has_eds_config())
    return c.problems.error(here, "cannot create an EDS cluster without an EDS config");
  if (p.load_assignment().endpoints_size() > 0)
    c.problems.error(at / "load_assignment", "has no effect in an EDS cluster: leave it out");
  if (!c.check_source)
    c.problems.error(here, "there is nothing here that endpoints could come from");
  else
    (void)c.check_source(p.eds_cluster_config().eds_config(), here / "eds_config", c.problems);
}

void compile_original_dst(const Cluster& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  if (o.discovery != upstream::Discovery::original_dst) return;
  if (p.load_assignment().endpoints_size() > 0)
    problems.error(at / "load_assignment", "ORIGINAL_DST clusters must have no load assignment configured");
  const auto& c = p.original_dst_lb_config();
  upstream::OriginalDst d;
  if (p.has_cleanup_interval()) d.cleanup = to_duration(p.cleanup_interval());
  d.use_http_header = c.use_http_header();
  if (c.has_upstream_port_override()) d.port_override = static_cast<std::uint16_t>(c.upstream_port_override().value());
  d.metadata_name = c.metadata_key().key();
  for (const auto& part : c.metadata_key().path()) d.metadata_path.push_back(part.key());
  if (!c.http_header_name().empty() && !c.use_http_header())
    problems.error(at / "original_dst_lb_config",
                   "ORIGINAL_DST cluster: invalid config http_header_name=" + c.http_header_name() +
                       " and use_http_header is false. Set use_http_header to true if http_header_name is desired.");
  if (!c.http_header_name().empty()) d.header = lower(c.http_header_name());
  o.original_dst.set(std::move(d));
}

void compile_aggregate(const Cluster& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  if (o.discovery != upstream::Discovery::aggregate) return;
  AggregateCluster a;
  const auto& any = p.cluster_type().typed_config();
  if (!any.UnpackTo(&a) && !any.type_url().empty())
    problems.error(at / "cluster_type", "Didn't find a registered cluster factory implementation for type: '" +
                                            std::string(message_name(any.type_url())) + "'");
  else if (a.clusters().empty())
    problems.error(
        at / "cluster_type",
        "Proto constraint validation failed (ClusterConfigValidationError.Clusters: value must contain at least 1 item(s))");
  o.listed.assign(a.clusters().begin(), a.clusters().end());
}

void compile_tracking(const Cluster& p, upstream::ClusterConfig& o) {
  o.track_timeout_budgets = p.track_timeout_budgets() || p.track_cluster_stats().timeout_budgets();
  o.track_sizes = p.track_cluster_stats().request_response_sizes();
}

void compile_filters(const Cluster& p, const Path& at, CompileContext& c) {
  for (int i = 0; i < p.filters_size(); ++i) {
    const auto& f = p.filters(i);
    if (!take_istio_network_filter(f.name(), f.typed_config(), c))
      c.problems.error(at.at("filters", i) / "typed_config",
                       "network filter '" + f.name() + "' of type '" + f.typed_config().type_url() + "' is not implemented");
  }
}

void compile_pools(const Cluster& p, upstream::ClusterConfig& o) {
  o.pool_per_downstream = p.connection_pool_per_downstream_connection();
  const auto& preconnect = p.preconnect_policy();
  if (preconnect.has_per_upstream_preconnect_ratio()) o.preconnect = preconnect.per_upstream_preconnect_ratio().value();
}

void compile_transport_sockets(const Cluster& p, upstream::ClusterConfig& o, const Path& at, CompileContext& c) {
  const std::string prefix = "cluster." + stats::sanitize(o.stat_name) + ".";
  const auto compile = [&](const core_v3::TransportSocket* socket, const Path& here) {
    const auto errors = c.problems.errors();
    auto out = socket == nullptr ? nullptr : compile_cluster_socket(*socket, prefix, here, c);
    const bool alpn = out != nullptr && out->speaks_alpn();
    if (o.http_use == upstream::HttpUse::negotiated && !alpn && c.problems.errors() == errors)
      c.problems.error(here, "auto_config has the protocol chosen by ALPN, which this transport socket does not have");
    return out;
  };
  o.socket = compile(p.has_transport_socket() ? &p.transport_socket() : nullptr, at / "transport_socket");
  std::map<std::string, stats::BlockHandle> counters;
  for (int i = 0; i < p.transport_socket_matches_size(); ++i) {
    const auto& m = p.transport_socket_matches(i);
    const Path match = at.at("transport_socket_matches", i);
    const Path here = match / "transport_socket";
    auto [counter, fresh] = counters.try_emplace(m.name());
    if (fresh) counter->second = stats::make_block<stats::SocketMatchStat>(c.stats, prefix + stats::sanitize(m.name()) + ".");
    o.socket_matches.push_back(
        {m.name(), compile_metadata_value(m.match()), compile(&m.transport_socket(), here), counter->second});
  }
}

}  // namespace

upstream::ClusterConfigPtr compile_cluster(const Cluster& p, const Path& at, CompileContext& c, bool by_api) {
  Problems& problems = c.problems;
  const auto errors = problems.errors();
  auto o = std::make_shared<upstream::ClusterConfig>();
  o->name = p.name();
  o->stat_name = p.alt_stat_name().empty() ? p.name() : p.alt_stat_name();
  o->metadata = compile_metadata(p.metadata());
  o->discovery = compile_discovery(p, at, problems);
  o->added_via_api = by_api;
  compile_balancing(p, *o, at, problems);
  if (p.has_connect_timeout()) o->connect_timeout = to_duration(p.connect_timeout());
  if (p.has_per_connection_buffer_limit_bytes()) o->buffer_bytes_max = p.per_connection_buffer_limit_bytes().value();
  compile_circuits(p, *o, at, problems);
  compile_subsets(p, *o, at, problems);
  compile_outliers(p, *o, at, problems);
  const Path assignment = at / "load_assignment";
  o->policy = compile_assignment_policy(p.load_assignment().policy(), assignment / "policy", problems);
  compile_http(p, *o, at, problems);
  upstream::DnsRules names;
  compile_endpoints(p, *o, names, at, problems);
  compile_eds(p, *o, at, c);
  compile_sockets(p, *o, at, c);
  compile_dns(p, names, at, c);
  if (resolves_names(*o)) o->dns.set(std::move(names));
  compile_original_dst(p, *o, at, problems);
  compile_forward_proxy(p, *o, at, c);
  compile_aggregate(p, *o, at, problems);
  compile_tracking(p, *o);
  compile_filters(p, at, c);
  compile_pools(p, *o);
  if (p.has_wait_for_warm_on_init()) o->wait_for_warm = p.wait_for_warm_on_init().value();
  compile_transport_sockets(p, *o, at, c);
  compile_health(p, *o, at, c);
  return problems.errors() == errors ? o : nullptr;
}

}  // namespace outrigger::xds
