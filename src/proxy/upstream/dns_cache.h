// Names that requests ask for (dynamic forward proxy): what main knows of them, as each worker sees it. Shared by the
// clusters and filters whose configs name the cache; any thread may be the last that holds it. Main's half is DnsCaches.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>
#include "proxy/base/parking.h"
#include "proxy/stats/cells.h"
#include "proxy/stats/lease.h"
#include "proxy/stats/names.h"
#include "proxy/upstream/cluster_config.h"

namespace outrigger::upstream {

struct DnsCacheConfig {
  std::string name;
  DnsFamily family = DnsFamily::automatic;
  Duration refresh = std::chrono::seconds(60), refresh_min = std::chrono::seconds(5);
  Duration host_ttl = std::chrono::minutes(5);      // without a request
  Duration query_timeout = std::chrono::seconds(5);  // 0: none
  Duration failure_base{0}, failure_max{0};          // 0: as after an answer
  bool refresh_failed = true;                        // else asked again by the next request
  std::uint32_t hosts_max = 1024, pending_max = 1024;
  std::vector<std::pair<std::string, std::uint16_t>> preresolve;
  DnsOptions resolver;
  std::string text;  // all of it: those of one name must have the same
};

/// When a request last went there. Written by workers.
using LastUse = std::atomic<std::int64_t>;

/// What is known of "host:port".
struct ResolvedHost {
  std::string host;
  std::vector<net::Address> addresses;  // none: it can't be reached
  std::string details;                  // why
  bool failed = false;                  // an error, not the answer that there is none
  std::shared_ptr<LastUse> last_use;
};
using ResolvedHostPtr = std::shared_ptr<const ResolvedHost>;

class DnsCache {
 public:
  /// More is no name, and would only fill the cache.
  static constexpr std::size_t kHostBytesMax = 2048;
  /// Asks main; called on any thread with a host as normalized_host() makes it.
  using Ask = std::function<void(std::string_view host)>;
  DnsCache(DnsCacheConfig config, stats::BlockHandle stats, stats::LeasePtr lease, std::size_t threads, Ask ask);
  ~DnsCache();
  DnsCache(const DnsCache&) = delete;
  DnsCache& operator=(const DnsCache&) = delete;
  const DnsCacheConfig& config() const noexcept { return config_; }
  stats::BlockHandle stats() const noexcept { return stats_; }
  /// Requests that have a place.
  std::uint32_t waiting() const noexcept { return pending_.load(std::memory_order_relaxed); }

  /// One of the requests that may wait. False: there are enough (counted).
  bool take_place(stats::Cells& cells) noexcept;
  void give_back_place(stats::Cells& cells) noexcept;
  enum class Found : std::uint8_t { here, waits, full };
  /// here: `out` says what is known, be it a failure. waits: `p` is told when it is. full: too many hosts (counted).
  Found find(std::size_t thread, std::string_view host, Parked& p, ResolvedHostPtr& out, stats::Cells& cells);
  /// Has it resolved for requests to come.
  void look_up(std::size_t thread, std::string_view host, stats::Cells& cells);
  /// Null: nothing is known.
  ResolvedHostPtr known(std::size_t thread, std::string_view host) const;

  // On that thread, by main.
  void tell(std::size_t thread, const ResolvedHostPtr& host);
  /// Who waits for it learns that there is no room, or goes on with what is known.
  void forget(std::size_t thread, const std::string& host);
  std::atomic<std::uint32_t> hosts{0};              // main says so
  std::atomic<std::uint32_t> pending_max{UINT32_MAX};  // likewise: what runtime allows

 private:
  struct View;
  View& view(std::size_t thread) const;
  DnsCacheConfig config_;
  stats::BlockHandle stats_;
  stats::LeasePtr lease_;
  Ask ask_;
  std::atomic<std::uint32_t> pending_{0};
  std::vector<std::unique_ptr<View>> views_;  // by thread
};
using DnsCachePtr = std::shared_ptr<DnsCache>;

/// A host as it stands in an authority, taken apart.
struct HostPort {
  std::string_view host;  // an IPv6 address with its brackets
  std::optional<std::uint16_t> port;
};
/// What is no port belongs to the host, which is then no name.
HostPort split_port(std::string_view authority) noexcept;
/// Puts into `out` the name that a cache has it under: with the port, its own or this one.
void normalized_host(std::string_view host, std::uint16_t port, std::string& out);

}  // namespace outrigger::upstream
