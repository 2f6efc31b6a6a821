// A raw connection to a host in the place of an HTTP stream: what a route's connect_config makes of
// CONNECT, or of POST where that is allowed. Answers 200 once it is connected. Owned by its Attempt; worker's thread.
#pragma once
#include <memory>
#include <string>
#include "proxy/runtime/thread_context.h"
#include "proxy/upstream/cluster.h"

namespace outrigger::filters {

class TcpTunnel final : public upstream::ClientStream, private upstream::TcpWaiter, private net::TransportEvents {
 public:
  TcpTunnel(runtime::ThreadContext& thread, upstream::Cluster& cluster, upstream::PoolWaiter& waiter)
      : thread_(thread), cluster_(&cluster), waiter_(waiter) {}
  ~TcpTunnel() { cancel(); }
  /// Tells the waiter, possibly before it returns. `first`: bytes that go before all others.
  void connect(upstream::Host& host, std::string first);

  // upstream::ClientStream
  void send_head(const http::RequestHead& head, bool end_stream) override;
  void send_body(Buffer& body, bool end_stream) override;
  void send_trailers(const http::HeaderMap&) override {}
  void cancel() override;
  void read_disable(bool disable) override;
  void become_tunnel() override {}
  http::UpstreamInfo& info() override { return info_; }
  bool request_sent_any() const noexcept override { return info_.bytes.wire_sent > 0; }

 private:
  // upstream::TcpWaiter
  void on_tcp_ready(std::unique_ptr<upstream::TcpLease> lease) override;
  void on_tcp_failure(upstream::PoolFailure why, std::string_view detail, upstream::Host* host) override;
  void on_tcp_host_failed() override;
  // net::TransportEvents
  void on_readable() override;
  void on_writable() override;

  void read_loop();
  void flush();
  void check_watermarks();

  runtime::ThreadContext& thread_;
  upstream::ClusterRef cluster_;
  upstream::PoolWaiter& waiter_;
  std::unique_ptr<upstream::TcpAttempt> attempt_;
  std::unique_ptr<upstream::TcpLease> lease_;
  const upstream::ClusterShared* owner_ = nullptr;  // of the host, once there is a lease
  http::UpstreamInfo info_;
  std::string first_;
  Buffer out_;
  unsigned pauses_ = 0;
  bool readable_ = false, reading_ = false, above_ = false, answered_ = false, shut_ = false;
};

}  // namespace outrigger::filters
