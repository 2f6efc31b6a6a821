// All listeners, on the main thread: opens their sockets, gives them to the workers, drains and stops
// them.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include "proxy/server/listener_config.h"
#include "proxy/server/worker.h"
#include "proxy/stats/names.h"

namespace outrigger::server {

class ListenerManager {
 public:
  ListenerManager(stats::Registry& registry, std::vector<std::unique_ptr<Worker>>& workers, const hcm::Drain& server_drain);
  ~ListenerManager();
  /// Binds and listens. Errors name the listener and the address.
  Result<void> add(ListenerConfigPtr config);
  /// Gives all listeners to the workers, which must have been started.
  void start();
  /// Refuses new connections; those there are stay. `inbound_only`: of listeners for inbound traffic.
  void stop(bool inbound_only);
  /// Responses say "connection: close" more and more often until `duration` has passed (0: at once).
  void drain(bool inbound_only, TimePoint now, Duration duration);
  std::uint64_t connections() const noexcept;
  struct View {
    const ListenerConfig& config;
    std::vector<net::Address> addresses;  // the real ones
  };
  void each(const std::function<void(const View&)>& f) const;

 private:
  struct Entry;
  stats::Registry& registry_;
  std::vector<std::unique_ptr<Worker>>& workers_;
  const hcm::Drain& server_drain_;
  stats::BlockHandle stats_;
  std::atomic<std::uint64_t> connections_{0};  // counted by workers
  std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace outrigger::server
