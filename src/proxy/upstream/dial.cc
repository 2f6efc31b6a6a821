#include "proxy/upstream/dial.h"

#include <cstring>
#include "proxy/net/first_of.h"

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
net::ConnectOptions options_for(const ClusterConfig& c, const net::Address& to) noexcept {
  net::ConnectOptions o;
  o.options = c.socket_options;
  if (const BindSource* s = source_for(c, to)) {
    o.source = &s->address;
    o.freebind = c.freebind;
    if (!s->options.empty()) o.options = s->options;
  }
  if (c.keepalive) o.keepalive = &*c.keepalive;
  return o;
}

/// Any of its addresses will do. Each that is tried counts as a connection.
std::unique_ptr<net::Transport> dial_any(runtime::ThreadContext& thread, ClusterShared& cluster, Host& host,
                                         net::ConnectFailure& failure) {
  const auto& c = *cluster.config;
  const auto& endpoint = host.endpoint();
  const auto on_another = [&thread, stats = cluster.stats, counts = host.shared_stats()] {
    thread.cells.add(stats, ClusterStat::upstream_cx_total);
    counts->cx_total.fetch_add(1, std::memory_order_relaxed);
  };
  std::vector<net::Candidate> candidates{{endpoint.address, options_for(c, endpoint.address)}};
  for (const auto& a : endpoint.more_addresses) candidates.push_back({a, options_for(c, a)});
  return net::connect_first_of(thread.dialer, thread.loop, std::move(candidates), on_another, failure);
}
}  // namespace

std::unique_ptr<net::Transport> dial(runtime::ThreadContext& thread, ClusterShared& cluster, Host& host,
                                     net::ConnectDemands demands, net::ConnectFailure& failure) {
  const auto& c = *cluster.config;
  const auto& endpoint = host.endpoint();
  auto transport = endpoint.more_addresses.empty()
                       ? thread.dialer.connect(thread.loop, endpoint.address, options_for(c, endpoint.address), failure)
                       : dial_any(thread, cluster, host, failure);
  if (transport == nullptr || host.socket() == nullptr) return transport;
  demands.host_name = endpoint.hostname;
  return host.socket()->wrap(thread, std::move(transport), demands, host.transport_memory);
}

std::string_view count_failed_dial(runtime::ThreadContext& thread, ClusterShared& cluster, Host& host,
                                   const net::ConnectFailure& failure) {
  thread.cells.add(cluster.stats, ClusterStat::upstream_cx_total);
  thread.cells.add(cluster.stats, ClusterStat::upstream_cx_connect_fail);
  if (failure.bind) thread.cells.add(cluster.stats, ClusterStat::bind_errors);
  host.stats().cx_total.fetch_add(1, std::memory_order_relaxed);
  host.stats().cx_connect_fail.fetch_add(1, std::memory_order_relaxed);
  thread_local std::string words;
  const BindSource* source = source_for(*cluster.config, host.endpoint().address);
  if (failure.bind && source != nullptr)
    words = "failed to bind to " + source->address.text() + ": " + std::strerror(failure.error);
  else
    words = std::string("immediate connect error: ") + std::strerror(failure.error);
  return words;
}

}  // namespace outrigger::upstream
