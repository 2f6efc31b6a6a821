#include "xds/compile/cluster_parts.h"
#include "xds/compile/convert.h"

namespace outrigger::xds {

namespace cluster_v3 = envoy::config::cluster::v3;
using Thresholds = cluster_v3::CircuitBreakers::Thresholds;

namespace {

upstream::Thresholds compile_thresholds(const Thresholds& p) {
  upstream::Thresholds o;
  if (p.has_max_connections()) o.connections = p.max_connections().value();
  if (p.has_max_pending_requests()) o.pending = p.max_pending_requests().value();
  if (p.has_max_requests()) o.requests = p.max_requests().value();
  if (p.has_max_retries()) o.retries = p.max_retries().value();
  if (const auto pools = p.max_connection_pools().value(); p.has_max_connection_pools() && pools != UINT32_MAX)
    o.connection_pools = pools;
  o.track_remaining = p.track_remaining();
  if (!p.has_retry_budget()) return o;
  o.has_retry_budget = true;
  if (p.retry_budget().has_budget_percent()) o.retry_budget_percent = p.retry_budget().budget_percent().value();
  if (p.retry_budget().has_min_retry_concurrency()) o.retry_budget_min = p.retry_budget().min_retry_concurrency().value();
  return o;
}

bool has_more_than_connections(const Thresholds& p) {
  return p.has_max_pending_requests() || p.has_max_requests() || p.has_max_retries() || p.has_max_connection_pools() ||
         p.has_retry_budget() || p.track_remaining();
}

}  // namespace

/// Of several entries for a priority the first counts.
void compile_circuits(const cluster_v3::Cluster& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  bool seen[2] = {false, false};
  for (const auto& t : p.circuit_breakers().thresholds()) {
    const bool high = t.priority() == envoy::config::core::v3::HIGH;
    if (std::exchange(seen[high ? 1 : 0], true)) continue;
    (high ? o.high : o.normal) = compile_thresholds(t);
  }
  const Path circuit = at / "circuit_breakers";
  for (int i = 0; i < p.circuit_breakers().per_host_thresholds_size(); ++i) {
    const auto& t = p.circuit_breakers().per_host_thresholds(i);
    if (has_more_than_connections(t)) {
      problems.error(circuit.at("per_host_thresholds", i), "Unsupported field in per_host_thresholds");
      continue;
    }
    auto& limit = o.per_host_connections[t.priority() == envoy::config::core::v3::HIGH ? 1 : 0];
    if (!limit && t.has_max_connections()) limit = t.max_connections().value();
  }
}

}  // namespace outrigger::xds
