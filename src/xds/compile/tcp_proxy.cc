#include "xds/compile/tcp_proxy.h"

#include "envoy/extensions/request_id/uuid/v3/uuid.pb.h"
#include "filters/tcp_proxy.h"
#include "xds/compile/access_log.h"
#include "xds/compile/cluster_demand.h"
#include "xds/compile/convert.h"
#include "xds/compile/format.h"
#include "xds/compile/matchers.h"
#include "xds/compile/metadata.h"
#include "xds/compile/proxy_protocol.h"

namespace outrigger::xds {

namespace tcp_v3 = envoy::extensions::filters::network::tcp_proxy::v3;
using filters::TcpProxyConfig;

namespace {

/// As in Envoy no error: its connections are closed.
void check_cluster(const std::string& name, const Path& at, CompileContext& c) {
  if (c.cluster_known && !c.cluster_known(name)) c.problems.warn(at, "tcp_proxy: unknown cluster '" + name + "'");
}

/// As in Envoy nothing is asked for without a source.
void compile_demand(const tcp_v3::TcpProxy::OnDemand& p, TcpProxyConfig& o, const Path& at, CompileContext& c) {
  if (!p.has_odcds_config()) {
    c.problems.warn(at, "has no effect without odcds_config");
    return;
  }
  o.demand = compile_cluster_demand(p.odcds_config(), at / "odcds_config", p.resources_locator(), at / "resources_locator",
                                    c.problems, c);
  if (p.has_timeout()) o.patience = to_duration(p.timeout());
  o.demand_stats = stats::make_block<stats::TcpOnDemandStat>(c.stats, "tcp." + stats::sanitize(o.stat_prefix) + ".");
}

void compile_clusters(const tcp_v3::TcpProxy& p, TcpProxyConfig& o, const Path& at, CompileContext& c) {
  o.cluster = p.cluster();
  o.subset = compile_subset(p.metadata_match(), nullptr);
  const auto check = [&](const std::string& name, const Path& here) {
    if (o.demand == nullptr) check_cluster(name, here, c);
  };
  if (p.cluster_specifier_case() == tcp_v3::TcpProxy::kCluster) check(o.cluster, at / "cluster");
  for (int i = 0; i < p.weighted_clusters().clusters_size(); ++i) {
    const auto& w = p.weighted_clusters().clusters(i);
    const Path weighted = at / "weighted_clusters";
    check(w.name(), weighted.at("clusters", i));
    o.weights.push_back({w.name(), w.weight(), compile_subset(w.metadata_match(), o.subset)});
    o.total_weight += w.weight();
  }
  for (const auto& h : p.hash_policy()) {
    o.hash = h.has_source_ip() ? TcpProxyConfig::source_ip : TcpProxyConfig::filter_state;
    o.hash_key = h.filter_state().key();
  }
}

void compile_times(const tcp_v3::TcpProxy& p, TcpProxyConfig& o, const Path& at, Problems& problems) {
  if (p.has_idle_timeout()) {
    const auto d = to_duration(p.idle_timeout());
    o.idle_timeout = d.count() == 0 ? std::nullopt : std::optional(d);
  }
  if (p.has_downstream_idle_timeout())
    problems.warn(at / "downstream_idle_timeout", "has no effect, as in Envoy: use idle_timeout");
  if (p.has_upstream_idle_timeout()) problems.warn(at / "upstream_idle_timeout", "has no effect, as in Envoy: use idle_timeout");
  if (p.has_max_downstream_connection_duration()) o.max_connection_duration = to_duration(p.max_downstream_connection_duration());
  o.max_connection_duration_jitter = p.max_downstream_connection_duration_jitter_percentage().value();
}

void compile_connect(const tcp_v3::TcpProxy& p, TcpProxyConfig& o, const Path& at, Problems& problems) {
  if (p.has_max_connect_attempts()) o.connect_attempts_max = p.max_connect_attempts().value();
  if (p.has_backoff_options()) {
    auto& b = o.backoff.emplace();
    b.base = to_duration(p.backoff_options().base_interval());
    b.max = p.backoff_options().has_max_interval() ? to_duration(p.backoff_options().max_interval()) : b.base * 10;
    if (b.max < b.base)
      problems.error(at / "backoff_options", "max_backoff_interval must be greater or equal to base_backoff_interval");
  }
  o.connect = p.upstream_connect_mode() == tcp_v3::ON_DOWNSTREAM_DATA            ? TcpProxyConfig::on_data
              : p.upstream_connect_mode() == tcp_v3::ON_DOWNSTREAM_TLS_HANDSHAKE ? TcpProxyConfig::on_tls_handshake
                                                                                 : TcpProxyConfig::at_once;
  if (p.has_max_early_data_bytes())
    o.early_bytes_max = p.max_early_data_bytes().value();
  else if (o.connect != TcpProxyConfig::at_once)
    problems.error(at / "upstream_connect_mode", "max_early_data_bytes must be set when upstream_connect_mode is not IMMEDIATE");
}

void compile_request_id(const tcp_v3::TcpProxy::TunnelingConfig& p, filters::TunnelConfig& o, const Path& at,
                        Problems& problems) {
  const auto& any = p.request_id_extension().typed_config();
  if (any.type_url().empty()) {  // as Envoy: an extension without a config is none
    if (!p.request_id_header().empty() || !p.request_id_metadata_key().empty())
      problems.warn(at, "request_id_header and request_id_metadata_key have no effect without a request_id_extension");
    return;
  }
  if (!any.Is<envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig>())
    problems.error(at / "request_id_extension", "request id extension of type '" + any.type_url() + "' is not implemented");
  auto& id = o.request_id.emplace();
  if (!p.request_id_header().empty()) id.header = lower(p.request_id_header());
  if (!p.request_id_metadata_key().empty()) id.metadata_key = p.request_id_metadata_key();
}

void compile_tunnel(const tcp_v3::TcpProxy::TunnelingConfig& p, TcpProxyConfig& o, const Path& at, Problems& problems) {
  auto& tunnel = o.tunnel.emplace();
  auto hostname = format::TextFormat::compile(p.hostname());
  if (hostname)
    tunnel.hostname = std::move(*hostname);
  else
    problems.error(at / "hostname", hostname.error().detail);
  if (!p.use_post() && !p.post_path().empty())
    problems.error(at / "post_path", "Can't set a post path when POST method isn't used");
  if (p.use_post()) tunnel.post_path = p.post_path().empty() ? "/" : p.post_path();
  format::FormatOptions options;
  compile_formatters(p.formatters(), at, problems, options);
  compile_header_adds(p.headers_to_add(), at, "headers_to_add", problems, tunnel.headers, options);
  compile_request_id(p, tunnel, at, problems);
  tunnel.keep_response_headers = p.propagate_response_headers();
  tunnel.keep_response_trailers = p.propagate_response_trailers();
}

/// When logs are written besides the end of a connection.
void compile_log_moments(const tcp_v3::TcpProxy& p, TcpProxyConfig& o, const Path& at, Problems& problems) {
  if (!p.has_access_log_options()) {
    o.log_on_connected = p.flush_access_log_on_connected();
    if (p.has_access_log_flush_interval()) o.log_flush_interval = to_duration(p.access_log_flush_interval());
    return;
  }
  if (p.flush_access_log_on_connected())
    problems.error(at / "flush_access_log_on_connected",
                   "Only one of flush_access_log_on_connected or access_log_options can be specified.");
  if (p.has_access_log_flush_interval())
    problems.error(at / "access_log_flush_interval",
                   "Only one of access_log_flush_interval or access_log_options can be specified.");
  const auto& options = p.access_log_options();
  o.log_on_start = options.flush_access_log_on_start();
  o.log_on_connected = options.flush_access_log_on_connected();
  if (options.has_access_log_flush_interval()) o.log_flush_interval = to_duration(options.access_log_flush_interval());
}

}  // namespace

std::shared_ptr<const hcm::NetworkFilterFactory> compile_tcp_proxy(const tcp_v3::TcpProxy& p, const Path& at, CompileContext& c) {
  TcpProxyConfig o;
  o.stat_prefix = p.stat_prefix();
  o.stats = stats::make_block<stats::TcpStat>(c.stats, "tcp." + stats::sanitize(p.stat_prefix()) + ".");
  if (p.has_on_demand()) compile_demand(p.on_demand(), o, at / "on_demand", c);
  compile_clusters(p, o, at, c);
  compile_times(p, o, at, c.problems);
  compile_connect(p, o, at, c.problems);
  compile_log_moments(p, o, at, c.problems);
  if (p.has_tunneling_config()) compile_tunnel(p.tunneling_config(), o, at / "tunneling_config", c.problems);
  o.tlvs = compile_added_tlvs(p.proxy_protocol_tlvs(), at, "proxy_protocol_tlvs", c.problems);
  using upstream::TlvMerge;
  o.tlv_merge = p.proxy_protocol_tlv_merge_policy() == tcp_v3::OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD ? TlvMerge::overwrite_by_type
                : p.proxy_protocol_tlv_merge_policy() == tcp_v3::APPEND_IF_EXISTS_OR_ADD          ? TlvMerge::append
                                                                                                  : TlvMerge::add_if_absent;
  o.check_drain_close = p.check_drain_close().value();
  o.access_logs = compile_access_logs(p.access_log(), at, "access_log", c);
  return std::make_shared<filters::TcpProxyFactory>(std::move(o));
}

}  // namespace outrigger::xds
