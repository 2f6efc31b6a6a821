// Checks by requests, over our own HTTP clients: the connection, and one request at a time on it. What is asked and what the
// answer means is for the two kinds (http_probe.cc, grpc_probe.cc). Main thread.
#pragma once
#include "proxy/base/arena.h"
#include "proxy/upstream/client_connection.h"
#include "proxy/upstream/health_probe.h"

namespace outrigger::upstream {

class RequestProbe : public Probe, private ClientConnectionOwner, private PoolWaiter, private ClientStreamEvents {
 public:
  RequestProbe(const HealthConfig& config, ProbeTargetPtr target, ProbeOwner& owner, PoolKind kind)
      : config_(config), target_(std::move(target)), owner_(owner), kind_(kind) {}
  ~RequestProbe() override;
  void begin() override;
  void give_up() override;

 protected:
  /// Forgets the last answer.
  virtual void reset() = 0;
  virtual void send(ClientStream& stream) = 0;
  virtual void take_head(http::ResponseHead& head, bool end) = 0;
  virtual void take_body(std::string_view part, bool end) = 0;
  virtual void take_trailers(http::HeaderMap& trailers) = 0;
  /// The end, which is told. What is left of the answer is not read.
  void finish(const ProbeResult& result);
  bool in_flight() const noexcept { return in_flight_; }
  void add_common(http::RequestHead& head);
  const HealthConfig& config_;
  ProbeTargetPtr target_;
  Arena arena_;

 private:
  // ClientConnectionOwner
  void on_connected(ClientConnection& c) override;
  void on_closed(ClientConnection& c, std::optional<PoolFailure> failure, std::string_view detail) override;
  void on_reusable(ClientConnection&) override {}
  void on_request_done() override {}
  void on_draining(ClientConnection&) override {}
  // PoolWaiter
  void on_pool_ready(ClientStream& stream, Host& host) override;
  void on_pool_failure(PoolFailure, std::string_view, Host*) override {}
  ClientStreamEvents& events() override { return *this; }
  Arena& arena() override { return arena_; }
  // ClientStreamEvents
  void on_informational(http::ResponseHead&) override {}
  void on_head(http::ResponseHead& head, bool end_stream) override;
  void on_body(Buffer& body, bool end_stream) override;
  void on_trailers(http::HeaderMap& trailers) override;
  void on_reset(http::ResetReason reason, std::string_view detail) override;
  void on_above_high_watermark() override {}
  void on_below_low_watermark() override {}

  void drop();
  ProbeOwner& owner_;
  PoolKind kind_;
  std::unique_ptr<ClientConnection> connection_;  // null: the next check makes one
  ClientStream* stream_ = nullptr;                // null: none, or its answer has ended
  bool in_flight_ = false;
};

}  // namespace outrigger::upstream
