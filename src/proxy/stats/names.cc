#include "proxy/stats/names.h"

#include <array>

namespace outrigger::stats {

namespace {
constexpr Unit unit_of(std::string_view suffix) {
  const auto has = [&](std::string_view s) { return suffix.find(s) != std::string_view::npos; };
  if (has("percent")) return Unit::percent;
  if (has("_size")) return Unit::bytes;
  if (has("_ms") || has("_time")) return Unit::milliseconds;
  return Unit::unspecified;
}
/// Envoy makes these at the first event.
constexpr bool appears_later(std::string_view block, std::string_view suffix) {
  const auto starts = [&](std::string_view s) { return suffix.substr(0, s.size()) == s; };
  if (block == "ClusterStat")
    return suffix == "upstream_rq_time" || suffix == "upstream_rq_completed" || starts("external.") || starts("internal.") ||
           starts("canary.") || starts("retry.") || starts("http1.");
  if (block == "RouteStat") return suffix == "upstream_rq_time" || suffix == "upstream_rq_completed";
  return false;
}
constexpr std::string_view kFamilies[] = {"upstream_rq_", "external.upstream_rq_", "internal.upstream_rq_",
                                          "canary.upstream_rq_", "retry.upstream_rq_"};
std::span<const std::string_view> families_of(std::string_view block) {
  if (block == "ClusterStat") return kFamilies;
  if (block == "RouteStat") return {kFamilies, 1};
  return {};
}
}  // namespace

#define OUTRIGGER_STAT_DEF(block, kind, suffix) \
  {Kind::kind, suffix, Kind::kind == Kind::histogram ? unit_of(suffix) : Unit::unspecified, appears_later(block, suffix)},

#define DEFINE(Enum, LIST)                                  \
  namespace {                                               \
  struct Enum##Table {                                      \
    static constexpr std::string_view kName = #Enum;        \
    static constexpr StatDef kStats[] = {LIST(ROW)};        \
  };                                                        \
  }                                                         \
  BlockDef block_def(Enum) { return {Enum##Table::kStats, families_of(Enum##Table::kName)}; }
#define ROW(kind, id, suffix) OUTRIGGER_STAT_DEF(kName, kind, suffix)

DEFINE(ClusterStat, OUTRIGGER_CLUSTER_STATS)
DEFINE(RemainingStat, OUTRIGGER_REMAINING_STATS)
DEFINE(HealthCheckStat, OUTRIGGER_HEALTH_CHECK_STATS)
DEFINE(OutlierStat, OUTRIGGER_OUTLIER_STATS)
DEFINE(TimeoutBudgetStat, OUTRIGGER_TIMEOUT_BUDGET_STATS)
DEFINE(RequestSizeStat, OUTRIGGER_REQUEST_SIZE_STATS)
DEFINE(ListenerStat, OUTRIGGER_LISTENER_STATS)
DEFINE(ListenerWorkerStat, OUTRIGGER_LISTENER_WORKER_STATS)
DEFINE(ListenerHttpStat, OUTRIGGER_LISTENER_HTTP_STATS)
DEFINE(TcpStat, OUTRIGGER_TCP_STATS)
DEFINE(HttpStat, OUTRIGGER_HTTP_STATS)
DEFINE(RouterStat, OUTRIGGER_ROUTER_STATS)
DEFINE(HttpTracingStat, OUTRIGGER_HTTP_TRACING_STATS)
DEFINE(FaultStat, OUTRIGGER_FAULT_STATS)
DEFINE(RbacStat, OUTRIGGER_RBAC_STATS)
DEFINE(CorsStat, OUTRIGGER_CORS_STATS)
DEFINE(LocalRateLimitStat, OUTRIGGER_LOCAL_RATE_LIMIT_STATS)
DEFINE(RouteStat, OUTRIGGER_ROUTE_STATS)
DEFINE(Http1Stat, OUTRIGGER_HTTP1_STATS)
DEFINE(ServerStat, OUTRIGGER_SERVER_STATS)
DEFINE(ClusterManagerStat, OUTRIGGER_CLUSTER_MANAGER_STATS)
DEFINE(ListenerManagerStat, OUTRIGGER_LISTENER_MANAGER_STATS)
DEFINE(RuntimeStat, OUTRIGGER_RUNTIME_STATS)
DEFINE(FilesystemStat, OUTRIGGER_FILESYSTEM_STATS)
DEFINE(DnsCaresStat, OUTRIGGER_DNS_CARES_STATS)
DEFINE(WatchdogStat, OUTRIGGER_WATCHDOG_STATS)
DEFINE(OverloadStat, OUTRIGGER_OVERLOAD_STATS)
DEFINE(OverloadActionStat, OUTRIGGER_OVERLOAD_ACTION_STATS)
DEFINE(ThreadLocalClustersStat, OUTRIGGER_THREAD_LOCAL_CLUSTERS_STATS)

BlockHandle make_admin_listener_block(Registry& registry) {
  const BlockDef def = block_def(ListenerStat{});
  return registry.instantiate(registry.define_block(def.stats.first(def.stats.size() - 2), def.families), "listener.admin.");
}

std::string sanitize(std::string_view name) {
  std::string s(name);
  for (char& c : s)
    if (c == ':' || c == '\0') c = '_';
  return s;
}

}  // namespace outrigger::stats
