// One check after the other of one host: a request and what its answer says, or a connection. Main thread; owned by the host's
// session (health_checker.cc), which has the clocks.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include "proxy/http/message.h"
#include "proxy/runtime/thread_context.h"
#include "proxy/upstream/health_config.h"
#include "proxy/upstream/shared.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

/// How a check ended.
struct ProbeResult {
  enum Kind : std::uint8_t { passed, degraded, failed, retriable, network } kind = failed;
  std::uint16_t status = 0;  // of HTTP
  bool exclude = false;      // the host asked for it
  bool verified = false;     // it was looked at whose service it is
};

class ProbeOwner {
 public:
  virtual void on_probe_done(const ProbeResult& result) = 0;

 protected:
  ~ProbeOwner() = default;
};

/// Whom it asks. Stays as long as a connection to it.
struct ProbeTarget {
  runtime::ThreadContext& thread;
  std::shared_ptr<ClusterShared> cluster;  // the checks' own: what they do shows in no stats of the cluster
  ClusterConfigPtr of;                     // has the checks' config, which so stays as long
  Host host;
  std::string authority;
  bool secure = false;
};
using ProbeTargetPtr = std::shared_ptr<ProbeTarget>;

class Probe {
 public:
  virtual ~Probe() = default;
  /// Tells the end, perhaps before it returns.
  virtual void begin() = 0;
  /// It was waited for long enough: nothing is told any more.
  virtual void give_up() = 0;
};

std::unique_ptr<Probe> make_http_probe(const HealthConfig& config, ProbeTargetPtr target, ProbeOwner& owner);
std::unique_ptr<Probe> make_grpc_probe(const HealthConfig& config, ProbeTargetPtr target, ProbeOwner& owner);
std::unique_ptr<Probe> make_tcp_probe(const HealthConfig& config, ProbeTargetPtr target, ProbeOwner& owner);

/// What is left of a check goes at the end of the loop's turn, before its target does.
template <class Connection>
void dispose(const ProbeTargetPtr& target, std::unique_ptr<Connection> connection) {
  struct Remains {
    ProbeTargetPtr target;
    std::unique_ptr<Connection> connection;
  };
  target->thread.loop.dispose(std::make_unique<Remains>(Remains{target, std::move(connection)}));
}

/// Null: it fails at once.
std::unique_ptr<net::Transport> dial_for_check(const HealthConfig& config, ProbeTarget& target);
/// Are all parts in it, one behind the other?
bool has_in_order(std::string_view bytes, const std::vector<std::string>& parts) noexcept;
/// grpc.health.v1: a HealthCheckRequest in its frame, and whether a HealthCheckResponse says SERVING; nothing when it is none.
std::string grpc_health_request(std::string_view service);
std::optional<bool> grpc_is_serving(std::string_view message) noexcept;

}  // namespace outrigger::upstream
