#include "xds/compile/listener.h"

#include <algorithm>
#include <random>

#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "proxy/base/random.h"
#include "xds/compile/access_log.h"
#include "xds/compile/content.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_chains.h"
#include "xds/compile/http.h"
#include "xds/compile/listener_filters.h"
#include "xds/compile/metadata.h"
#include "xds/compile/network_filters.h"
#include "xds/compile/tcp_proxy.h"
#include "xds/compile/tls.h"

namespace outrigger::xds {

namespace listener_v3 = envoy::config::listener::v3;
namespace tcp_v3 = envoy::extensions::filters::network::tcp_proxy::v3;
using Manager = envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

namespace {

using NetworkFilterPtr = std::shared_ptr<const hcm::NetworkFilterFactory>;

/// What serves connections. `name`: that of its entry.
NetworkFilterPtr compile_serving(const google::protobuf::Any& any, const std::string& name, const std::string& stat_prefix,
                                 const Path& here, CompileContext& c) {
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
  if (auto plain = compile_plain_terminal(any, here, c.problems)) return plain;
  c.problems.error(here, "network filter '" + name + "' of type '" + any.type_url() +
                             "' is not implemented, or does not serve connections as the last filter must");
  return nullptr;
}

NetworkFilterPtr compile_network_filter(const listener_v3::FilterChain& chain, const std::string& stat_prefix, const Path& at,
                                        std::vector<Arrived>& late, CompileContext& c) {
  if (chain.filters_size() == 0) return nullptr;  // its connections are closed at once
  const int last = chain.filters_size() - 1;
  const auto& f = chain.filters(last);
  const Path filter = at.at("filters", last);
  if (!f.has_config_discovery()) return compile_serving(f.typed_config(), f.name(), stat_prefix, filter / "typed_config", c);
  const auto compile = [name = f.name(), stat_prefix](const google::protobuf::Any& config, const Path& here,
                                                      CompileContext& context) {
    return compile_serving(config, name, stat_prefix, here, context);
  };
  return compile_late_last(f, compile, filter, late, c);
}

/// All but the filter chains.
std::uint64_t frame_hash(const listener_v3::Listener& p) {
  listener_v3::Listener frame = p;
  frame.clear_filter_chains();
  frame.clear_default_filter_chain();
  frame.clear_filter_chain_matcher();
  return content_hash(frame);
}

server::FilterChain compile_chain(const listener_v3::FilterChain& p, const std::string& stat_prefix, stats::BlockHandle stats,
                                  const Path& at, CompileContext& c) {
  server::FilterChain chain;
  chain.name = p.name();
  chain.content = content_hash(p);
  chain.metadata = compile_metadata(p.metadata());
  if (p.has_transport_socket())
    chain.socket = compile_downstream_socket(
        p.transport_socket(), stat_prefix, stats,
        p.has_transport_socket_connect_timeout() ? to_duration(p.transport_socket_connect_timeout()) : Duration{},
        at / "transport_socket", c);
  std::vector<Arrived> late;
  chain.filter = behind_filters(compile_filters_before(p, at, late, c), compile_network_filter(p, stat_prefix, at, late, c));
  if (!late.empty())
    chain.ready = [late = std::move(late)](std::size_t worker) {
      return std::all_of(late.begin(), late.end(), [worker](const Arrived& f) { return f(worker); });
    };
  return chain;
}

/// What is asked of one address of a listener.
net::ListenOptions compile_listen_options(const listener_v3::Listener& p, const envoy::config::core::v3::Address& a) {
  net::ListenOptions o;
  o.reuse_port = !p.has_enable_reuse_port() || p.enable_reuse_port().value();
  o.backlog = static_cast<int>(p.tcp_backlog_size().value());
  o.transparent = p.transparent().value();
  o.freebind = p.freebind().value();
  o.ipv4_compat = a.socket_address().ipv4_compat();
  o.mptcp = p.enable_mptcp();
  if (p.has_tcp_fast_open_queue_length()) o.fast_open_queue = p.tcp_fast_open_queue_length().value();
  if (a.has_pipe()) o.pipe_mode = a.pipe().mode();
  return o;
}

/// A listener without sockets: its name is its address.
void check_internal(const listener_v3::Listener& p, const Path& at, CompileContext& c) {
  const std::string whose = "error adding listener named '" + p.name() + "': ";
  if (p.has_address() || p.additional_addresses_size() > 0)
    c.problems.error(
        at / (p.has_address() ? "address" : "additional_addresses"),
        "error adding listener '" + p.name() + "': address should not be used when an internal listener config is provided");
  if (!c.internal_listeners)
    c.problems.error(at / "internal_listener", whose + "InternalListener bootstrap extension is mandatory (it is '" +
                                                   "envoy.bootstrap.internal_listener' in bootstrap_extensions)");
  const std::pair<bool, const char*> no_socket_has[] = {{p.has_transparent(), "transparent"},
                                                        {p.has_freebind(), "freebind"},
                                                        {p.has_tcp_backlog_size(), "tcp_backlog_size"},
                                                        {p.has_tcp_fast_open_queue_length(), "tcp_fast_open_queue_length"},
                                                        {p.has_enable_reuse_port(), "enable_reuse_port"},
                                                        {p.has_connection_balance_config(), "connection_balance_config"}};
  for (const auto& [set, field] : no_socket_has)
    if (set) c.problems.error(at / field, whose + "has unsupported tcp listener feature");
  if (p.socket_options_size() > 0) c.problems.error(at / "socket_options", whose + "does not support socket option");
  if (p.enable_mptcp())
    c.problems.error(at / "enable_mptcp", "listener " + p.name() + ": enable_mptcp can only be used with IP addresses");
}

void compile_socket(const listener_v3::Listener& p, server::ListenerConfig& o, const Path& at, CompileContext& c) {
  const auto add = [&](const envoy::config::core::v3::Address& a, const Path& here, const auto& options,
                       const envoy::config::core::v3::TcpKeepalive* keepalive) {
    auto address = compile_address(a, here, c.problems);
    if (address.empty()) return;
    o.addresses.push_back(std::move(address));
    auto& all = o.options.emplace_back(compile_listen_options(p, a));
    if (keepalive != nullptr) all.keepalive = to_keepalive(*keepalive);
    all.options = to_raw_options(options);
  };
  const auto* keepalive = p.has_tcp_keepalive() ? &p.tcp_keepalive() : nullptr;
  if (p.has_internal_listener())
    check_internal(p, at, c);
  else if (p.address().has_envoy_internal_address())
    c.problems.error(at / "address", "error adding listener named '" + p.name() +
                                         "': use internal_listener field instead of address for internal listeners");
  else if (!p.has_address())
    c.problems.error(at / "address", "a listener needs an address");
  else
    add(p.address(), at / "address", p.socket_options(), keepalive);
  for (int i = 0; i < p.additional_addresses_size(); ++i) {
    const auto& more = p.additional_addresses(i);
    const Path here = at.at("additional_addresses", i);
    add(more.address(), here / "address", more.has_socket_options() ? more.socket_options().socket_options() : p.socket_options(),
        more.has_tcp_keepalive() ? &more.tcp_keepalive() : keepalive);
  }
  o.bind = p.has_bind_to_port() ? p.bind_to_port().value()
                                : !p.deprecated_v1().has_bind_to_port() || p.deprecated_v1().bind_to_port().value();
  o.bind = o.bind && !p.has_internal_listener();
  if (p.has_max_connections_to_accept_per_socket_event())
    o.accept_turn_max = std::min(o.accept_turn_max, p.max_connections_to_accept_per_socket_event().value());
  o.ignore_global_limit = p.ignore_global_conn_limit();
  o.bypass_overload_manager = p.bypass_overload_manager();
  const auto& balance = p.connection_balance_config();
  if (balance.has_extend_balance())
    c.problems.error(at / "connection_balance_config",
                     "connection balancer '" + balance.extend_balance().name() + "' is not implemented");
  o.exact_balance = balance.has_exact_balance();
}

void compile_before_chains(const listener_v3::Listener& p, server::ListenerConfig& o, const Path& at, CompileContext& c) {
  o.filters = compile_listener_filters(p, at, c);
  o.filters_come_later = std::any_of(o.filters.begin(), o.filters.end(), [](const auto& f) { return f.late != nullptr; });
  if (p.has_listener_filters_timeout()) o.filters_timeout = to_duration(p.listener_filters_timeout());
  if (o.filters_timeout < Duration::zero()) c.problems.error(at / "listener_filters_timeout", "must not be negative");
  o.continue_on_filters_timeout = p.continue_on_listener_filters_timeout();
  o.use_original_dst = p.use_original_dst().value();
}

}  // namespace

/// As Envoy names a listener that has no name.
static std::string random_name() {
  std::random_device device;
  Random random(static_cast<std::uint64_t>(device()) << 32 | device());
  const auto id = make_uuid(random);
  return {id.data(), id.size()};
}

std::shared_ptr<server::ListenerConfig> compile_listener(const listener_v3::Listener& p, const Path& at, CompileContext& c) {
  const auto errors = c.problems.errors();
  auto o = std::make_shared<server::ListenerConfig>();
  o->name = p.name().empty() ? random_name() : p.name();
  o->internal = p.has_internal_listener();
  if (o->internal) o->addresses.push_back(net::Address::internal(o->name, ""));
  compile_socket(p, *o, at, c);
  const std::string address = o->addresses.empty() ? std::string() : o->addresses.front().text();
  o->metadata = compile_metadata(p.metadata());
  o->stat_name = stats::sanitize(!p.stat_prefix().empty() ? p.stat_prefix()
                                 : o->internal            ? "envoy_internal_" + o->name
                                                          : address);
  const std::string prefix = "listener." + o->stat_name + ".";
  o->connection_limit_key = "envoy.resource_limits.listener." + o->name + ".connection_limit";
  if (p.has_per_connection_buffer_limit_bytes()) o->buffer_bytes_max = p.per_connection_buffer_limit_bytes().value();
  if (p.has_per_connection_buffer_high_watermark_timeout()) {
    const auto d = to_duration(p.per_connection_buffer_high_watermark_timeout());
    if (d.count() > 0) o->high_watermark_timeout = d;
  }
  o->inbound = p.traffic_direction() == envoy::config::core::v3::INBOUND;
  o->stats = stats::make_block<stats::ListenerStat>(c.stats, prefix);
  for (unsigned w = 0; w < c.workers; ++w)
    o->worker_stats.push_back(
        stats::make_block<stats::ListenerWorkerStat>(c.stats, prefix + "worker_" + std::to_string(w) + "."));
  c.outbound = p.traffic_direction() == envoy::config::core::v3::OUTBOUND;
  compile_before_chains(p, *o, at, c);
  if (p.filter_chains_size() == 0 && !p.has_default_filter_chain())
    c.problems.error(at / "filter_chains", "error adding listener '" + address + "': no filter chains specified");
  for (int i = 0; i < p.filter_chains_size(); ++i)
    o->chains.push_back(compile_chain(p.filter_chains(i), prefix, o->stats, at.at("filter_chains", i), c));
  compile_chain_choice(p, address, *o, at, c.problems);
  if (p.has_default_filter_chain())
    o->default_chain = compile_chain(p.default_filter_chain(), prefix, o->stats, at / "default_filter_chain", c);
  o->access_logs = compile_access_logs(p.access_log(), at, "access_log", c);
  o->frame = frame_hash(p);
  return c.problems.errors() == errors ? o : nullptr;
}

}  // namespace outrigger::xds
