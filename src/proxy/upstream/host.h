// Hosts of a cluster: shared immutable membership (Endpoint, HostSet) and, per worker, the plain
// mutable Host with its load, health view and connections.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include "proxy/base/metadata.h"
#include "proxy/base/rare.h"
#include "proxy/base/time.h"
#include "proxy/net/address.h"
#include "proxy/net/proxy_header.h"
#include "proxy/stats/stats.h"

namespace outrigger::upstream {

enum class Health : std::uint8_t { unknown, healthy, unhealthy, draining, timeout, degraded };
inline bool is_healthy(Health h) noexcept { return h == Health::unknown || h == Health::healthy; }

struct Locality {
  std::string region, zone, sub_zone;
  auto operator<=>(const Locality&) const = default;
};
using LocalityPtr = std::shared_ptr<const Locality>;  // shared by the endpoints there; never null
inline const LocalityPtr& no_locality() {
  static const LocalityPtr none = std::make_shared<const Locality>();
  return none;
}

/// What few endpoints have.
struct EndpointMore {
  std::string hostname;
  std::vector<net::Address> addresses;    // tried when the first does not connect
  std::vector<net::ProxyTlv> proxy_tlvs;  // for PROXY headers to it, by its metadata
  std::string check_hostname{};           // for health checks; empty: as the checks say
  net::Address check_address{};           // likewise; empty: its own ...
  std::uint16_t check_port = 0;           // ... with this port; 0: its own
  bool unchecked = false;                 // has no active checks
  std::shared_ptr<std::atomic<std::int64_t>> last_use{};  // when a request went there; null: nobody asks
};

struct Endpoint {
  net::Address address;
  Rare<EndpointMore> more;
  LocalityPtr locality = no_locality();
  MetadataPtr metadata;
  std::uint32_t weight = 1;
  std::uint32_t locality_weight = 0;
  std::uint8_t priority = 0;  // 0 to 128
  Health health = Health::unknown;
  bool canary = false;
  const std::string& hostname() const noexcept { return more->hostname; }
  void set_hostname(std::string name) {
    auto next = *more;
    next.hostname = std::move(name);
    more.set(std::move(next));
  }
};
/// Where it is asked for its health.
inline net::Address check_address(const Endpoint& e) {
  const auto& more = *e.more;
  const auto& base = more.check_address.empty() ? e.address : more.check_address;
  return more.check_port == 0 || !base.is_ip() ? base : base.with_port(more.check_port);
}
using EndpointPtr = std::shared_ptr<const Endpoint>;
using EndpointsPtr = std::shared_ptr<const std::vector<EndpointPtr>>;

}  // namespace outrigger::upstream
