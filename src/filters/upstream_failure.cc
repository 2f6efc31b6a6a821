#include "filters/upstream_failure.h"

#include "filters/cluster_counters.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::filters {

using http::ResetReason;

ResetReason reset_reason_of(upstream::PoolFailure why) noexcept {
  constexpr ResetReason kReasons[] = {ResetReason::overflow, ResetReason::remote_connection_failure,
                                      ResetReason::connection_timeout, ResetReason::local_connection_failure};
  return kReasons[static_cast<int>(why)];
}

std::string_view with_underscores(std::string_view s, Arena& arena) {
  const auto copy = arena.copy(s);
  for (std::size_t i = 0; i < copy.size(); ++i)
    if (copy[i] == ' ') const_cast<char*>(copy.data())[i] = '_';
  return copy;
}

std::string_view reset_details(bool responded, ResetReason why, std::string_view detail, Arena& arena) {
  const auto more = detail.empty() ? std::string_view{} : arena.cat("|", with_underscores(detail, arena));
  return arena.cat("upstream_reset_", responded ? "after" : "before", "_response_started{",
                   with_underscores(text_of(why), arena), more, "}");
}

void charge_side(upstream::Cluster& cluster, upstream::Host* host, stats::Cells& cells, std::uint16_t status) {
  charge_internal(cluster, cells, status);
  charge_zone(cluster, host, cells, status);
  if (host != nullptr && status / 100 == 5) cluster.report(*host, upstream::Outcome::error);
}

}  // namespace outrigger::filters
