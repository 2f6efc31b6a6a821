#include "xds/compile/listener.h"

#include <algorithm>
#include <map>
#include <random>

#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "proxy/base/random.h"
#include "xds/compile/access_log.h"
#include "xds/compile/convert.h"
#include "xds/compile/http.h"
#include "xds/compile/metadata.h"
#include "xds/compile/tcp_proxy.h"
#include "xds/compile/tls.h"

namespace outrigger::xds {

namespace listener_v3 = envoy::config::listener::v3;
namespace tcp_v3 = envoy::extensions::filters::network::tcp_proxy::v3;
using Manager = envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

namespace {

std::shared_ptr<const hcm::NetworkFilterFactory> compile_network_filter(const listener_v3::FilterChain& chain,
                                                                        const std::string& stat_prefix, const Path& at,
                                                                        CompileContext& c) {
  if (chain.filters_size() == 0) return nullptr;  // its connections are closed at once
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
  if (!p.has_address())
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
  if (p.has_max_connections_to_accept_per_socket_event())
    o.accept_turn_max = std::min(o.accept_turn_max, p.max_connections_to_accept_per_socket_event().value());
  o.ignore_global_limit = p.ignore_global_conn_limit();
  const auto& balance = p.connection_balance_config();
  if (balance.has_extend_balance())
    c.problems.error(at / "connection_balance_config",
                     "connection balancer '" + balance.extend_balance().name() + "' is not implemented");
  o.exact_balance = balance.has_exact_balance();
}

/// Null: never. Of what a predicate can see only the port is known.
std::function<bool(std::uint16_t)> compile_disabled(const listener_v3::ListenerFilterChainMatchPredicate& p) {
  using P = listener_v3::ListenerFilterChainMatchPredicate;
  const auto list = [](const P::MatchSet& set) {
    std::vector<std::function<bool(std::uint16_t)>> rules;
    for (const auto& rule : set.rules()) rules.push_back(compile_disabled(rule));
    return rules;
  };
  switch (p.rule_case()) {
    case P::kOrMatch:
      return [rules = list(p.or_match())](std::uint16_t port) {
        return std::any_of(rules.begin(), rules.end(), [&](const auto& r) { return r(port); });
      };
    case P::kAndMatch:
      return [rules = list(p.and_match())](std::uint16_t port) {
        return std::all_of(rules.begin(), rules.end(), [&](const auto& r) { return r(port); });
      };
    case P::kNotMatch: return [rule = compile_disabled(p.not_match())](std::uint16_t port) { return !rule(port); };
    case P::kAnyMatch: return [](std::uint16_t) { return true; };
    case P::kDestinationPortRange:
      return [first = p.destination_port_range().start(), end = p.destination_port_range().end()](std::uint16_t port) {
        return port >= first && port < end;
      };
    case P::RULE_NOT_SET: break;
  }
  return [](std::uint16_t) { return false; };
}

/// No listener filter here waits for anything: listener_filters_timeout has nothing to end.
void compile_listener_filters(const listener_v3::Listener& p, server::ListenerConfig& o, const Path& at, Problems& problems) {
  for (int i = 0; i < p.listener_filters_size(); ++i) {
    const auto& f = p.listener_filters(i);
    if (!f.typed_config().Is<envoy::extensions::filters::listener::original_dst::v3::OriginalDst>()) {
      problems.error(at.at("listener_filters", i),
                     "listener filter '" + f.name() + "' of type '" + f.typed_config().type_url() + "' is not implemented");
      continue;
    }
    o.original_dst = true;
    if (f.has_filter_disabled()) o.original_dst_disabled = compile_disabled(f.filter_disabled());
  }
  if (!p.use_original_dst().value()) return;
  o.use_original_dst = o.original_dst = true;  // it brings the filter along
  o.original_dst_disabled = nullptr;
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
  if (p.has_per_connection_buffer_high_watermark_timeout()) {
    const auto d = to_duration(p.per_connection_buffer_high_watermark_timeout());
    if (d.count() > 0) o->high_watermark_timeout = d;
  }
  o->inbound = p.traffic_direction() == envoy::config::core::v3::INBOUND;
  o->stats = stats::make_block<stats::ListenerStat>(c.stats, prefix);
  for (unsigned w = 0; w < c.workers; ++w)
    o->worker_stats.push_back(
        stats::make_block<stats::ListenerWorkerStat>(c.stats, prefix + "worker_" + std::to_string(w) + "."));
  compile_listener_filters(p, *o, at, c.problems);
  if (p.filter_chains_size() == 0 && !p.has_default_filter_chain())
    c.problems.error(at / "filter_chains", "error adding listener '" + address + "': no filter chains specified");
  std::map<std::string, int> matches;
  for (int i = 0; i < p.filter_chains_size(); ++i) {
    const auto [other, is_new] = matches.emplace(p.filter_chains(i).filter_chain_match().SerializeAsString(), i);
    if (!is_new)
      c.problems.error(at.at("filter_chains", i), "error adding listener '" + address +
                                                      "': has the same matching rules as filter chain " +
                                                      std::to_string(other->second));
  }
  for (int i = 0; i < p.filter_chains_size(); ++i)
    o->chains.push_back(compile_chain(p.filter_chains(i), prefix, o->stats, at.at("filter_chains", i), c));
  if (p.has_default_filter_chain())
    o->default_chain = compile_chain(p.default_filter_chain(), prefix, o->stats, at / "default_filter_chain", c);
  o->access_logs = compile_access_logs(p.access_log(), at, "access_log", c);
  return c.problems.errors() == errors ? o : nullptr;
}

}  // namespace outrigger::xds
