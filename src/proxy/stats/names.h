// Envoy's stat names, as one enumeration per block. The enumerators are what data-plane code
// gives to Cells; the lists themselves are in the *_stats.inc files.
//   auto stats = stats::make_block<stats::ClusterStat>(registry, "cluster.c1.");  // main thread
//   cells.add(stats, stats::ClusterStat::upstream_cx_total);                      // any worker
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/stats/cluster_stats.inc"
#include "proxy/stats/http_stats.inc"
#include "proxy/stats/listener_filter_stats.inc"
#include "proxy/stats/listener_stats.inc"
#include "proxy/stats/server_stats.inc"
#include "proxy/stats/ssl_stats.inc"
#include "proxy/stats/stats.h"
#include "proxy/stats/types.h"
#include "proxy/stats/xds_stats.inc"

namespace outrigger::stats {

/// What a block type is made from.
struct BlockDef {
  std::span<const StatDef> stats;
  std::span<const std::string_view> families;
};

/// All lists: B(enumeration, list).
#define OUTRIGGER_STAT_BLOCKS(B)                                \
  B(ClusterStat, OUTRIGGER_CLUSTER_STATS)                       \
  B(AltClusterStat, OUTRIGGER_ALT_CLUSTER_STATS)                \
  B(GrpcStat, OUTRIGGER_GRPC_STATS)                             \
  B(SocketMatchStat, OUTRIGGER_SOCKET_MATCH_STATS)              \
  B(RemainingStat, OUTRIGGER_REMAINING_STATS)                   \
  B(HealthCheckStat, OUTRIGGER_HEALTH_CHECK_STATS)              \
  B(OutlierStat, OUTRIGGER_OUTLIER_STATS)                       \
  B(TimeoutBudgetStat, OUTRIGGER_TIMEOUT_BUDGET_STATS)          \
  B(RequestSizeStat, OUTRIGGER_REQUEST_SIZE_STATS)              \
  B(ListenerStat, OUTRIGGER_LISTENER_STATS)                     \
  B(ListenerWorkerStat, OUTRIGGER_LISTENER_WORKER_STATS)        \
  B(ListenerHttpStat, OUTRIGGER_LISTENER_HTTP_STATS)            \
  B(TlsInspectorStat, OUTRIGGER_TLS_INSPECTOR_STATS)            \
  B(HttpInspectorStat, OUTRIGGER_HTTP_INSPECTOR_STATS)          \
  B(ProxyProtoLegacyStat, OUTRIGGER_PROXY_PROTO_LEGACY_STATS)   \
  B(ProxyProtoStat, OUTRIGGER_PROXY_PROTO_STATS)                \
  B(ProxyProtoVersionStat, OUTRIGGER_PROXY_PROTO_VERSION_STATS) \
  B(UpstreamProxyStat, OUTRIGGER_UPSTREAM_PROXY_STATS)          \
  B(ListenerRateLimitStat, OUTRIGGER_LISTENER_RATE_LIMIT_STATS) \
  B(NetworkRateLimitStat, OUTRIGGER_NETWORK_RATE_LIMIT_STATS)   \
  B(ConnectionLimitStat, OUTRIGGER_CONNECTION_LIMIT_STATS)      \
  B(TcpStat, OUTRIGGER_TCP_STATS)                               \
  B(TcpOnDemandStat, OUTRIGGER_TCP_ON_DEMAND_STATS)             \
  B(SslStat, OUTRIGGER_SSL_STATS)                               \
  B(SslFactoryStat, OUTRIGGER_SSL_FACTORY_STATS)                \
  B(SdsStat, OUTRIGGER_SDS_STATS)                               \
  B(ConfigSourceStat, OUTRIGGER_CONFIG_SOURCE_STATS)            \
  B(EdsStat, OUTRIGGER_EDS_STATS)                               \
  B(CdsStat, OUTRIGGER_CDS_STATS)                               \
  B(RdsStat, OUTRIGGER_RDS_STATS)                               \
  B(EcdsStat, OUTRIGGER_ECDS_STATS)                             \
  B(ScopedRdsStat, OUTRIGGER_SCOPED_RDS_STATS)                  \
  B(ControlPlaneStat, OUTRIGGER_CONTROL_PLANE_STATS)            \
  B(HttpStat, OUTRIGGER_HTTP_STATS)                             \
  B(RouterStat, OUTRIGGER_ROUTER_STATS)                         \
  B(RouteResolutionStat, OUTRIGGER_ROUTE_RESOLUTION_STATS)      \
  B(HttpTracingStat, OUTRIGGER_HTTP_TRACING_STATS)              \
  B(FaultStat, OUTRIGGER_FAULT_STATS)                           \
  B(FaultClusterStat, OUTRIGGER_FAULT_CLUSTER_STATS)            \
  B(RbacStat, OUTRIGGER_RBAC_STATS)                             \
  B(CorsStat, OUTRIGGER_CORS_STATS)                             \
  B(LocalRateLimitStat, OUTRIGGER_LOCAL_RATE_LIMIT_STATS)       \
  B(RouteStat, OUTRIGGER_ROUTE_STATS)                           \
  B(Http1Stat, OUTRIGGER_HTTP1_STATS)                           \
  B(Http2Stat, OUTRIGGER_HTTP2_STATS)                           \
  B(ServerStat, OUTRIGGER_SERVER_STATS)                         \
  B(ClusterManagerStat, OUTRIGGER_CLUSTER_MANAGER_STATS)        \
  B(ListenerManagerStat, OUTRIGGER_LISTENER_MANAGER_STATS)      \
  B(RuntimeStat, OUTRIGGER_RUNTIME_STATS)                       \
  B(FilesystemStat, OUTRIGGER_FILESYSTEM_STATS)                 \
  B(DnsCaresStat, OUTRIGGER_DNS_CARES_STATS)                    \
  B(DnsCacheStat, OUTRIGGER_DNS_CACHE_STATS)                    \
  B(WatchdogStat, OUTRIGGER_WATCHDOG_STATS)                     \
  B(OverloadStat, OUTRIGGER_OVERLOAD_STATS)                     \
  B(OverloadMonitorStat, OUTRIGGER_OVERLOAD_MONITOR_STATS)      \
  B(OverloadActionStat, OUTRIGGER_OVERLOAD_ACTION_STATS)        \
  B(ThreadLocalClustersStat, OUTRIGGER_THREAD_LOCAL_CLUSTERS_STATS)

#define OUTRIGGER_STAT_ENUMERATOR(kind, id, suffix) id,
#define OUTRIGGER_STAT_BLOCK(Enum, LIST)                               \
  enum class Enum : std::uint16_t { LIST(OUTRIGGER_STAT_ENUMERATOR) }; \
  BlockDef block_def(Enum);

OUTRIGGER_STAT_BLOCKS(OUTRIGGER_STAT_BLOCK)

#undef OUTRIGGER_STAT_BLOCK
#undef OUTRIGGER_STAT_ENUMERATOR

/// Families of counters per status code, for Cells::add_code. A route or virtual cluster has the
/// first only, a cluster all.
enum class CodeFamily : std::uint8_t {
  upstream_rq,
  external_upstream_rq,
  internal_upstream_rq,
  canary_upstream_rq,
  retry_upstream_rq,
};

/// The stats of `Stat` below `prefix`, which ends with a dot. Pair it with Registry::release.
template <class Stat>
BlockHandle make_block(Registry& registry, std::string_view prefix) {
  const BlockDef def = block_def(Stat{});
  return registry.instantiate(registry.define_block(def.stats, def.families), prefix);
}

/// The blocks of `Stat` below `prefix`, by names that come with requests.
template <class Stat>
NamedBlocks& make_named_blocks(Registry& registry, std::string_view prefix) {
  const BlockDef def = block_def(Stat{});
  return registry.named_blocks(registry.define_block(def.stats, def.families), prefix);
}

/// The admin listener's: those of a listener save the two about its extension configs.
BlockHandle make_admin_listener_block(Registry& registry);

/// A part of a stat name made from a name in the config: ':' and NUL become '_'.
std::string sanitize(std::string_view name);

}  // namespace outrigger::stats
