#include "xds/compile/listener.h"

#include <random>

#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "filters/tcp_proxy.h"
#include "proxy/base/random.h"
#include "xds/compile/access_log.h"
#include "xds/compile/convert.h"
#include "xds/compile/http.h"
#include "xds/compile/metadata.h"
#include "xds/compile/tls.h"

namespace outrigger::xds {

namespace listener_v3 = envoy::config::listener::v3;
namespace tcp_v3 = envoy::extensions::filters::network::tcp_proxy::v3;
using Manager = envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

namespace {

void check_cluster(const std::string& name, const Path& at, CompileContext& c) {
  if (c.cluster_known && !c.cluster_known(name)) c.problems.error(at, "tcp_proxy: unknown cluster '" + name + "'");
}

std::shared_ptr<const hcm::NetworkFilterFactory> compile_tcp_proxy(const tcp_v3::TcpProxy& p, const Path& at, CompileContext& c) {
  filters::TcpProxyConfig o;
  o.stat_prefix = p.stat_prefix();
  o.stats = stats::make_block<stats::TcpStat>(c.stats, "tcp." + stats::sanitize(p.stat_prefix()) + ".");
  o.cluster = p.cluster();
  if (p.cluster_specifier_case() == tcp_v3::TcpProxy::kCluster) check_cluster(o.cluster, at / "cluster", c);
  for (int i = 0; i < p.weighted_clusters().clusters_size(); ++i) {
    const auto& w = p.weighted_clusters().clusters(i);
    const Path weighted = at / "weighted_clusters";
    check_cluster(w.name(), weighted.at("clusters", i), c);
    o.weights.push_back({w.name(), w.weight()});
    o.total_weight += w.weight();
  }
  if (p.has_idle_timeout()) {
    const auto d = to_duration(p.idle_timeout());
    o.idle_timeout = d.count() == 0 ? std::nullopt : std::optional(d);
  }
  if (p.has_max_downstream_connection_duration()) o.max_connection_duration = to_duration(p.max_downstream_connection_duration());
  if (p.has_max_connect_attempts()) o.connect_attempts_max = p.max_connect_attempts().value();
  for (const auto& h : p.hash_policy()) o.hash_source_ip = o.hash_source_ip || h.has_source_ip();
  o.access_logs = compile_access_logs(p.access_log(), at, "access_log", c);
  return std::make_shared<filters::TcpProxyFactory>(std::move(o));
}

std::shared_ptr<const hcm::NetworkFilterFactory> compile_network_filter(const listener_v3::FilterChain& chain,
                                                                        const std::string& stat_prefix, const Path& at,
                                                                        CompileContext& c) {
  if (chain.filters_size() == 0) {
    c.problems.error(at / "filters",
                     "a filter chain needs a network filter, such as envoy.filters.network.http_connection_manager");
    return nullptr;
  }
  for (int i = 0; i + 1 < chain.filters_size(); ++i)
    c.problems.error(at.at("filters", i), "network filter '" + chain.filters(i).name() +
                                              "' before the last one: only a single, terminal network filter is implemented");
  const int last = chain.filters_size() - 1;
  const Path filter = at.at("filters", last);
  const Path here = filter / "typed_config";
  const auto& any = chain.filters(last).typed_config();
  if (any.Is<Manager>()) {
    Manager p;
    any.UnpackTo(&p);
    return std::make_shared<hcm::SessionFactory>(compile_http_connection_manager(p, stat_prefix, here, c));
  }
  if (any.Is<tcp_v3::TcpProxy>()) {
    tcp_v3::TcpProxy p;
    any.UnpackTo(&p);
    return compile_tcp_proxy(p, here, c);
  }
  c.problems.error(here,
                   "network filter '" + chain.filters(last).name() + "' of type '" + any.type_url() + "' is not implemented");
  return nullptr;
}

server::FilterChainMatch compile_match(const listener_v3::FilterChainMatch& p, const Path& at, CompileContext& c) {
  server::FilterChainMatch m;
  if (p.has_destination_port()) m.destination_port = static_cast<std::uint16_t>(p.destination_port().value());
  const auto ranges = [&](const auto& from, std::string_view field, std::vector<net::CidrRange>& to) {
    for (int i = 0; i < from.size(); ++i)
      if (auto r = compile_cidr(from.Get(i), at.at(field, i), c.problems)) to.push_back(*r);
  };
  ranges(p.prefix_ranges(), "prefix_ranges", m.destination);
  ranges(p.direct_source_prefix_ranges(), "direct_source_prefix_ranges", m.direct_source);
  ranges(p.source_prefix_ranges(), "source_prefix_ranges", m.source);
  for (const auto port : p.source_ports()) m.source_ports.push_back(static_cast<std::uint16_t>(port));
  m.source_type = static_cast<server::FilterChainMatch::SourceType>(p.source_type());
  m.never = !p.transport_protocol().empty() && p.transport_protocol() != "raw_buffer";
  return m;
}

server::FilterChain compile_chain(const listener_v3::FilterChain& p, const std::string& stat_prefix, stats::BlockHandle stats,
                                  const Path& at, CompileContext& c) {
  server::FilterChain chain;
  chain.name = p.name();
  chain.metadata = compile_metadata(p.metadata());
  chain.match = compile_match(p.filter_chain_match(), at / "filter_chain_match", c);
  if (p.has_transport_socket())
    chain.socket = compile_downstream_socket(
        p.transport_socket(), stat_prefix, stats,
        p.has_transport_socket_connect_timeout() ? to_duration(p.transport_socket_connect_timeout()) : Duration{},
        at / "transport_socket", c);
  chain.filter = compile_network_filter(p, stat_prefix, at, c);
  return chain;
}

void compile_socket(const listener_v3::Listener& p, server::ListenerConfig& o, const Path& at, CompileContext& c) {
  const auto add = [&](const envoy::config::core::v3::Address& a, const Path& here) {
    auto address = compile_address(a, here, c.problems);
    if (!address.empty()) o.addresses.push_back(std::move(address));
    if (a.socket_address().ipv4_compat()) o.options.ipv4_compat = true;
    if (a.has_pipe()) o.options.pipe_mode = a.pipe().mode();
  };
  if (!p.has_address())
    c.problems.error(at / "address", "a listener needs an address");
  else
    add(p.address(), at / "address");
  for (int i = 0; i < p.additional_addresses_size(); ++i) {
    const Path here = at.at("additional_addresses", i);
    add(p.additional_addresses(i).address(), here / "address");
  }
  o.options.reuse_port = !p.has_enable_reuse_port() || p.enable_reuse_port().value();
  o.options.backlog = static_cast<int>(p.tcp_backlog_size().value());
  o.options.transparent = p.transparent().value();
  o.options.freebind = p.freebind().value();
  o.options.options = to_raw_options(p.socket_options());
}

}  // namespace

/// As Envoy names a listener that has no name.
static std::string random_name() {
  std::random_device device;
  Random random(static_cast<std::uint64_t>(device()) << 32 | device());
  const auto id = make_uuid(random);
  return {id.data(), id.size()};
}

server::ListenerConfigPtr compile_listener(const listener_v3::Listener& p, const Path& at, CompileContext& c) {
  const auto errors = c.problems.errors();
  auto o = std::make_shared<server::ListenerConfig>();
  compile_socket(p, *o, at, c);
  const std::string address = o->addresses.empty() ? std::string() : o->addresses.front().text();
  o->name = p.name().empty() ? random_name() : p.name();
  o->metadata = compile_metadata(p.metadata());
  o->stat_name = stats::sanitize(p.stat_prefix().empty() ? address : p.stat_prefix());
  const std::string prefix = "listener." + o->stat_name + ".";
  o->connection_limit_key = "envoy.resource_limits.listener." + o->name + ".connection_limit";
  if (p.has_per_connection_buffer_limit_bytes()) o->buffer_bytes_max = p.per_connection_buffer_limit_bytes().value();
  o->inbound = p.traffic_direction() == envoy::config::core::v3::INBOUND;
  o->stats = stats::make_block<stats::ListenerStat>(c.stats, prefix);
  for (unsigned w = 0; w < c.workers; ++w)
    o->worker_stats.push_back(
        stats::make_block<stats::ListenerWorkerStat>(c.stats, prefix + "worker_" + std::to_string(w) + "."));
  for (int i = 0; i < p.listener_filters_size(); ++i) {
    const auto& any = p.listener_filters(i).typed_config();
    if (any.Is<envoy::extensions::filters::listener::original_dst::v3::OriginalDst>())
      o->original_dst = true;
    else
      c.problems.error(at.at("listener_filters", i), "listener filter '" + p.listener_filters(i).name() + "' of type '" +
                                                         any.type_url() + "' is not implemented");
  }
  if (p.filter_chains_size() == 0 && !p.has_default_filter_chain())
    c.problems.error(at / "filter_chains", "error adding listener '" + address + "': no filter chains specified");
  for (int i = 0; i < p.filter_chains_size(); ++i)
    o->chains.push_back(compile_chain(p.filter_chains(i), prefix, o->stats, at.at("filter_chains", i), c));
  if (p.has_default_filter_chain())
    o->default_chain = compile_chain(p.default_filter_chain(), prefix, o->stats, at / "default_filter_chain", c);
  o->access_logs = compile_access_logs(p.access_log(), at, "access_log", c);
  return c.problems.errors() == errors ? o : nullptr;
}

}  // namespace outrigger::xds
