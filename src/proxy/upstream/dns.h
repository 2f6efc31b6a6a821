// Asynchronous name resolution by c-ares on the main thread's loop: /etc/hosts, then the servers of the
// config or of resolv.conf. One for each set of options; owned by the ClusterManager.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include "proxy/event/loop.h"
#include "proxy/net/address.h"
#include "proxy/stats/names.h"
#include "proxy/upstream/cluster_config.h"

namespace outrigger::upstream {

struct DnsAnswer {
  bool ok = false;                      // false: an error, or no answer in time
  std::string error;                    // c-ares's words
  std::vector<net::Address> addresses;  // port 0; none: the name has no such records
  std::optional<Duration> ttl;          // the least
};

class Dns {
 public:
  Dns(event::Loop& loop, stats::Registry& registry, stats::BlockHandle stats, const DnsOptions& options);
  const DnsOptions& options() const noexcept;
  ~Dns();
  using Done = std::function<void(DnsAnswer)>;
  /// Calls `done` later, never from within; not after the Dns is destroyed.
  void resolve(const std::string& name, DnsFamily family, Done done);

 private:
  struct Impl;
  struct Query;
  std::unique_ptr<Impl> impl_;
};

}  // namespace outrigger::upstream
