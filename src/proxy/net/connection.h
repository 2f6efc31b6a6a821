// A downstream connection in the hands of whatever serves it (HTTP sessions, tcp_proxy). Owned by
// its listener's worker half; lives on one worker.
#pragma once
#include "proxy/base/list.h"
#include "proxy/base/time.h"

namespace outrigger::net {

class Connection : public Link {
 public:
  virtual ~Connection() = default;
  /// Begins to serve; may close (and tell the owner) before it returns.
  virtual void start() = 0;
  virtual TimePoint started_at() const noexcept = 0;
  /// Closes now (the listener is removed, or the server exits).
  virtual void close_now() = 0;
  /// The server drains: close as soon as no request is running.
  virtual void start_drain() {}
};

class ConnectionOwner {
 public:
  /// The connection is closed: delete it once the loop turn ends. Called once.
  virtual void on_connection_closed(Connection& c) = 0;

 protected:
  ~ConnectionOwner() = default;
};

}  // namespace outrigger::net
