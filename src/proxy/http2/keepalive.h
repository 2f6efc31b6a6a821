// Sends PINGs on a quiet HTTP/2 connection and tells when none is answered. Owned by the connection.
#pragma once
#include <optional>
#include "proxy/base/random.h"
#include "proxy/event/timers.h"
#include "proxy/http2/options.h"

namespace outrigger::http2 {

class KeepaliveOwner {
 public:
  virtual void send_ping() = 0;
  virtual void on_keepalive_timeout() = 0;

 protected:
  ~KeepaliveOwner() = default;
};

class KeepaliveClock {
 public:
  KeepaliveClock(event::Timers& timers, Random& random, const std::optional<Keepalive>& config, KeepaliveOwner& owner)
      : random_(random), config_(config ? &*config : nullptr), owner_(owner), next_(timers, *this), timeout_(timers, *this) {
    schedule();
  }
  void on_answer() {
    if (!timeout_.armed()) return;
    timeout_.cancel();
    schedule();
  }
  /// Whatever comes meanwhile shows that the peer is there.
  void on_received() {
    if (timeout_.armed()) timeout_.arm(config_->timeout);
  }
  /// A stream opens after `quiet` without one.
  void on_stream(Duration quiet) {
    if (config_ != nullptr && config_->idle_interval && quiet >= *config_->idle_interval) ping();
  }
  void stop() noexcept {
    next_.cancel();
    timeout_.cancel();
  }

 private:
  void schedule() {
    if (config_ == nullptr || !config_->interval) return;
    next_.arm(jittered(*config_->interval, config_->jitter_percent, random_));
  }
  void ping() {
    if (timeout_.armed()) return;
    next_.cancel();
    timeout_.arm(config_->timeout);
    owner_.send_ping();
  }
  void expire() { owner_.on_keepalive_timeout(); }

  Random& random_;
  const Keepalive* config_;
  KeepaliveOwner& owner_;
  event::Alarm<KeepaliveClock, &KeepaliveClock::ping> next_;
  event::Alarm<KeepaliveClock, &KeepaliveClock::expire> timeout_;
};

}  // namespace outrigger::http2
