// A connection of the gRPC library to an endpoint of a cluster: the library has one end of a socket pair, and what goes
// through it is moved to and from a connection that the cluster makes, as its config says (balancing, name resolution, TLS
// with secrets, limits, stats). Main thread; owned by the transport that opened it, goes before the clusters.
#pragma once
#include <memory>
#include <string>
#include "proxy/buffer/buffer.h"
#include "proxy/event/loop.h"
#include "proxy/net/transport.h"
#include "proxy/runtime/thread_context.h"
#include "proxy/upstream/cluster.h"
#include "proxy/upstream/worker_clusters.h"

namespace outrigger::xds {

/// What a bridge is built with: the main thread's.
struct Upstreams {
  runtime::ThreadContext& thread;
  upstream::WorkerClusters& clusters;
};

class Bridge final : private upstream::TcpWaiter {
 public:
  Bridge(const Upstreams& upstreams, std::string cluster);
  ~Bridge();
  /// Begins to connect. The library's end, which it closes; -1: there are no more sockets.
  int open();
  /// Both ends are closed.
  bool over() const noexcept { return over_; }
  /// Why it could not connect, or was ended by TLS; empty: it was not.
  const std::string& failure() const noexcept { return failure_; }

 private:
  /// One of the two ends: what was read from it waits in `in` until the other side takes it.
  struct Side final : net::TransportEvents {
    Bridge* bridge = nullptr;
    net::Transport* transport = nullptr;
    Buffer in;
    bool readable = false, ended = false;
    void on_readable() override;
    void on_writable() override;
  };
  void connect();
  void on_tcp_ready(std::unique_ptr<upstream::TcpLease> lease) override;
  void on_tcp_failure(upstream::PoolFailure why, std::string_view detail, upstream::Host* host) override;
  void pump(Side& from, Side& to);
  bool read_some(Side& from);
  void end(std::string why);

  Upstreams upstreams_;
  std::string name_;
  upstream::ClusterRef cluster_;
  std::unique_ptr<net::Transport> local_;
  std::unique_ptr<upstream::TcpAttempt> attempt_;
  std::unique_ptr<upstream::TcpLease> lease_;
  Side library_, endpoint_;
  TimePoint patient_until_{};
  std::string failure_;
  bool over_ = false;
  event::Alarm<Bridge, &Bridge::connect> look_;
};

}  // namespace outrigger::xds
