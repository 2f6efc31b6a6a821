#include "proxy/upstream/dial.h"

#include <cerrno>
#include <cstring>
#include "proxy/net/first_of.h"
#include "proxy/net/internal.h"
#include "proxy/net/origin.h"

namespace outrigger::upstream {

using stats::ClusterStat;

namespace {
/// The source of the host's family, else the first: which the kernel refuses, as with Envoy.
const BindSource* source_for(const ClusterConfig& c, const net::Address& to) noexcept {
  if (!to.is_ip() || c.bind_sources.empty()) return nullptr;
  for (const auto& s : c.bind_sources)
    if (s.address.family() == to.family()) return &s;
  return &c.bind_sources.front();
}
/// Null: the cluster's.
const net::Address* foreign_source(const net::Origin* origin, const net::Address& to) noexcept {
  return origin == nullptr || origin->source.address.empty() || !to.is_ip() ? nullptr : &origin->source.address;
}
net::ConnectOptions options_for(const ClusterConfig& c, const net::Address& to, const net::Origin* origin) noexcept {
  net::ConnectOptions o;
  o.options = c.socket_options;
  if (const BindSource* s = source_for(c, to)) {
    o.source = &s->address;
    o.freebind = c.freebind;
    if (!s->options.empty()) o.options = s->options;
  }
  if (const auto* source = foreign_source(origin, to)) {
    o.source = source;
    o.source_options = origin->options;
  }
  if (c.keepalive) o.keepalive = &*c.keepalive;
  return o;
}

MetadataPtr passed_along(const net::PassRules& rules, const ClusterConfig& c, const Endpoint& endpoint) {
  static const std::vector<std::string> kWhole;
  std::vector<std::pair<std::string_view, const MetadataValue*>> found;  // of two of a name the later one
  for (const auto& source : rules.metadata) {
    const auto* from = source.of_host ? endpoint.metadata.get() : c.metadata.get();
    const auto* object = from == nullptr ? nullptr : from->find(source.name, kWhole);
    if (object == nullptr) continue;
    std::erase_if(found, [&](const auto& f) { return f.first == source.name; });
    found.emplace_back(source.name, object);
  }
  if (found.empty()) return nullptr;
  auto all = std::make_shared<Metadata>();
  for (const auto& [name, object] : found) all->merge(name, *object);
  return all;
}

/// To a listener of this worker.
std::unique_ptr<net::Transport> dial_internal(runtime::ThreadContext& thread, const ClusterConfig& c, Host& host,
                                              const net::ConnectDemands& demands, net::ConnectFailure& failure) {
  const auto& to = host.endpoint().address;
  failure.error = EINVAL;  // in case
  if (thread.internal == nullptr || !thread.internal->has(to.internal_name())) return nullptr;
  const auto* rules = host.socket() == nullptr ? nullptr : host.socket()->pass_rules();
  net::Passed passed;
  if (rules != nullptr) passed = {passed_along(*rules, c, host.endpoint()), {demands.shared.begin(), demands.shared.end()}};
  return net::connect_internal(thread.loop, *thread.internal, to, std::move(passed));
}

/// Any of its addresses will do. Each that is tried counts as a connection.
std::unique_ptr<net::Transport> dial_any(runtime::ThreadContext& thread, ClusterShared& cluster, Host& host,
                                         const net::Origin* origin, net::ConnectFailure& failure) {
  const auto& c = *cluster.config;
  const auto& endpoint = host.endpoint();
  const auto on_another = [&thread, stats = cluster.stats, counts = host.shared_stats()] {
    thread.cells.add(stats, ClusterStat::upstream_cx_total);
    counts->counters().cx_total.fetch_add(1, std::memory_order_relaxed);
  };
  std::vector<net::Candidate> candidates{{endpoint.address, options_for(c, endpoint.address, origin)}};
  for (const auto& a : endpoint.more->addresses) candidates.push_back({a, options_for(c, a, origin)});
  return net::connect_first_of(thread.dialer, thread.loop, std::move(candidates), on_another, failure);
}
}  // namespace

std::unique_ptr<net::Transport> dial(runtime::ThreadContext& thread, ClusterShared& cluster, Host& host,
                                     net::ConnectDemands demands, net::ConnectFailure& failure) {
  const auto& c = *cluster.config;
  const auto& endpoint = host.endpoint();
  auto transport =
      endpoint.address.is_internal() ? dial_internal(thread, c, host, demands, failure)
      : endpoint.more->addresses.empty()
          ? thread.dialer.connect(thread.loop, endpoint.address, options_for(c, endpoint.address, demands.origin), failure)
          : dial_any(thread, cluster, host, demands.origin, failure);
  if (transport == nullptr || host.socket() == nullptr) return transport;
  demands.host_name = endpoint.hostname();
  demands.endpoint = host.endpoint_ptr();
  return host.socket()->wrap(thread, std::move(transport), demands, host.transport_memory);
}

std::string_view count_failed_dial(runtime::ThreadContext& thread, ClusterShared& cluster, Host& host, const net::Origin* origin,
                                   const net::ConnectFailure& failure) {
  thread.cells.add(cluster.stats, ClusterStat::upstream_cx_total);
  thread.cells.add(cluster.stats, ClusterStat::upstream_cx_connect_fail);
  if (failure.bind) thread.cells.add(cluster.stats, ClusterStat::bind_errors);
  const bool internal = host.endpoint().address.is_internal();
  if (internal) {  // as Envoy has it for these
    thread.cells.add(cluster.stats, ClusterStat::upstream_cx_destroy);
    thread.cells.add(cluster.stats, ClusterStat::upstream_cx_destroy_remote);
  }
  host.counters().cx_total.fetch_add(1, std::memory_order_relaxed);
  host.counters().cx_connect_fail.fetch_add(1, std::memory_order_relaxed);
  thread_local std::string words;
  const auto& to = host.endpoint().address;
  const net::Address* source = foreign_source(origin, to);
  if (const auto* s = source_for(*cluster.config, to); source == nullptr && s != nullptr) source = &s->address;
  if (failure.bind && source != nullptr)
    words = "failed to bind to " + source->text() + ": " + std::strerror(failure.error);
  else
    words = std::string("immediate connect error: ") + std::strerror(failure.error);
  if (internal) words += "|remote address:" + host.endpoint().address.text();
  return words;
}

}  // namespace outrigger::upstream
