// Hosts of a cluster: shared immutable membership (Endpoint, HostSet) and, per worker, the plain
// mutable Host with its load, health view and connections.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include "proxy/base/metadata.h"
#include "proxy/base/time.h"
#include "proxy/net/address.h"
#include "proxy/stats/stats.h"

namespace outrigger::upstream {

enum class Health : std::uint8_t { unknown, healthy, unhealthy, draining, timeout, degraded };
inline bool is_healthy(Health h) noexcept { return h == Health::unknown || h == Health::healthy; }

struct Locality {
  std::string region, zone, sub_zone;
};

/// Counters of one host, printed by /clusters; written by every worker with relaxed adds.
struct HostStats;

struct Endpoint {
  net::Address address;
  std::string hostname;
  std::uint32_t weight = 1;
  std::uint32_t priority = 0;
  std::uint32_t locality_weight = 0;
  Locality locality;
  Health health = Health::unknown;
  bool canary = false;
  MetadataPtr metadata;
  std::vector<std::pair<std::string, std::string>> lb_metadata;  // envoy.lb string values
};
using EndpointPtr = std::shared_ptr<const Endpoint>;

}  // namespace outrigger::upstream
