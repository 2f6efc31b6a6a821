// One HTTP connection to a host: its transport, buffers, clocks and end. What the bytes mean is its
// ClientProtocol's, chosen when it is connected. Kept for reuse by its ConnectionPool, which owns it.
// Worker's thread.
#pragma once
#include <memory>
#include "proxy/event/loop.h"
#include "proxy/net/read_loop.h"
#include "proxy/runtime/thread_context.h"
#include "proxy/upstream/client_protocol.h"
#include "proxy/upstream/shared.h"

namespace outrigger::upstream {

class ClientConnection;

class ClientConnectionOwner {
 public:
  virtual void on_connected(ClientConnection& c) = 0;
  /// `failure`: set when it never got connected; `detail`: the transport's words.
  virtual void on_closed(ClientConnection& c, std::optional<PoolFailure> failure, std::string_view detail) = 0;
  /// A request of it is over, and it can serve another one.
  virtual void on_reusable(ClientConnection& c) = 0;
  virtual void on_request_done() = 0;
  virtual void on_draining(ClientConnection& c) = 0;

 protected:
  ~ClientConnectionOwner() = default;
};

/// Its place in one of its pool's lists.
struct PoolLink : Link {};

class ClientConnection final : public PoolLink, private net::TransportEvents, private event::Deferred {
 public:
  ClientConnection(runtime::ThreadContext& thread, ClusterShared& cluster, Host& host, ClientConnectionOwner& owner,
                   std::unique_ptr<net::Transport> transport, PoolKind kind);
  ~ClientConnection();
  void start();
  /// Serves `w` from now on; tells it.
  void attach(PoolWaiter& w);
  void close(bool local = true);  // idempotent; tells the owner
  /// Ends the requests that run on it too, mirrored ones for instance: nobody else will.
  void abandon();
  /// Nothing runs on it: the idle clock does.
  void wait_idle();
  bool connecting() const noexcept { return state_ == State::connecting; }
  bool never_connected() const noexcept { return !connected_; }
  bool busy() const noexcept { return protocol_ != nullptr && protocol_->active() > 0; }
  std::uint32_t room() const noexcept { return state_ != State::open || draining ? 0 : protocol_->room(); }
  std::uint64_t requests() const noexcept { return requests_; }
  bool draining = false;  // takes no more requests, closes when the last one is over

  // For the protocol.
  runtime::ThreadContext& thread() noexcept { return thread_; }
  ClusterShared& cluster() noexcept { return cluster_; }
  Host& host() noexcept { return host_; }
  bool open() const noexcept { return state_ == State::open; }
  Buffer& output() noexcept { return out_; }
  bool has_input() const noexcept { return !in_.empty(); }
  /// After something was put into output(): it is sent at the turn's end, or now when it is a lot.
  void on_output();
  void schedule_flush();
  void flush_now() { flush(); }
  /// Once all output is sent, its protocol is told that the connection is over.
  void end_behind_output() {
    end_behind_output_ = true;
    schedule_flush();
  }
  /// While it closes: what the socket takes of the output, without waiting.
  void write_last() {
    if (connected_ && !out_.empty()) transport_->write(out_);
  }
  void resume_reading();
  void forget_watermark() noexcept { above_ = false; }
  void count_stream_start();
  void count_stream_end();
  /// `draining` was set: it takes no more requests.
  void on_draining() { owner_.on_draining(*this); }
  /// After a request is over, told to its receiver: the connection is given back, or closed.
  void release(bool reusable);
  /// Facts of this connection, for those of a request on it.
  void describe(http::UpstreamInfo& info) const;

 private:
  enum class State : std::uint8_t { connecting, open, closed };
  // net::TransportEvents
  void on_connected() override;
  void on_connect_failed(int error) override;
  void on_readable() override;
  void on_writable() override;
  void run_deferred() override;

  void choose_protocol();
  void read_loop();
  void flush();
  void check_watermarks();
  void give_up_connecting(PoolFailure why, std::string_view detail);
  void on_idle();
  void on_connect_timeout();
  void on_max_duration();

  runtime::ThreadContext& thread_;
  ClusterShared& cluster_;
  Host& host_;
  ClientConnectionOwner& owner_;
  std::unique_ptr<net::Transport> transport_;
  std::unique_ptr<ClientProtocol> protocol_;  // null: not connected
  Buffer in_, out_;
  net::ReadLoop reads_;
  std::uint64_t id_, requests_ = 0;
  TimePoint started_{}, connected_at_{};
  State state_ = State::connecting;
  PoolKind kind_;
  bool above_ = false, connected_ = false, end_behind_output_ = false;
  event::Alarm<ClientConnection, &ClientConnection::on_idle> idle_;
  event::Alarm<ClientConnection, &ClientConnection::on_connect_timeout> connect_timeout_;
  event::Alarm<ClientConnection, &ClientConnection::on_max_duration> max_duration_;
};

}  // namespace outrigger::upstream
