// One HTTP/1 connection to a host: one request at a time, kept for reuse by its HostPool, which
// owns it. Worker's thread.
#pragma once
#include <memory>
#include "proxy/event/loop.h"
#include "proxy/http/h1_codec.h"
#include "proxy/http/h1_writer.h"
#include "proxy/net/transport.h"
#include "proxy/runtime/thread_context.h"
#include "proxy/upstream/pool.h"
#include "proxy/upstream/shared.h"

namespace outrigger::upstream {

class ClientConnection;

class ClientConnectionOwner {
 public:
  virtual void on_connected(ClientConnection& c) = 0;
  /// `failure`: set when it never got connected; `detail`: the transport's words.
  virtual void on_closed(ClientConnection& c, std::optional<PoolFailure> failure, std::string_view detail) = 0;
  /// Its request is answered and it can serve another one.
  virtual void on_reusable(ClientConnection& c) = 0;
  virtual void on_request_done(ClientConnection& c) = 0;

 protected:
  ~ClientConnectionOwner() = default;
};

/// Its place in one of its pool's lists.
struct PoolLink : Link {};

class ClientConnection final : public PoolLink,
                               public ClientStream,
                               private net::TransportEvents,
                               private http::H1ClientCodec::Events,
                               private event::Deferred {
 public:
  ClientConnection(runtime::ThreadContext& thread, ClusterShared& cluster, Host& host, ClientConnectionOwner& owner,
                   std::unique_ptr<net::Transport> transport);
  ~ClientConnection();
  void start();
  /// Serves `w` from now on; tells it.
  void attach(PoolWaiter& w);
  void close(bool local = true);  // idempotent; tells the owner
  void wait_idle();               // nothing to do: the idle clock runs
  bool connecting() const noexcept { return state_ == State::connecting; }
  bool busy() const noexcept { return events_ != nullptr; }
  std::uint64_t requests() const noexcept { return requests_; }
  bool close_when_idle = false;
  bool high_priority = false;  // of the running request; of the connection until it has one
  bool never_connected() const noexcept { return !connected_; }
  /// Whose limit of connections this one counts against.
  bool connection_priority() const noexcept { return connection_high_; }
  void set_connection_priority(bool high) noexcept { connection_high_ = high; }

  // ClientStream
  void send_head(const http::RequestHead& head, bool end_stream) override;
  void send_body(Buffer& body, bool end_stream) override;
  void send_trailers(const http::HeaderMap& trailers) override;
  void cancel() override;
  void read_disable(bool disable) override;
  void become_tunnel() override { codec_.become_tunnel(); }
  http::UpstreamInfo& info() override { return info_; }
  bool request_sent_any() const noexcept override { return sent_any_; }

 private:
  enum class State : std::uint8_t { connecting, open, closed };
  // net::TransportEvents
  void on_connected() override;
  void on_connect_failed(int error) override;
  void on_readable() override;
  void on_writable() override;
  // http::H1ClientCodec::Events
  Arena& response_arena() override { return *arena_; }
  void on_informational(http::ResponseHead& head) override;
  void on_response_head(http::ResponseHead& head, bool end_stream) override;
  void on_response_body(Buffer& body, bool end_stream) override;
  void on_response_trailers(http::HeaderMap& trailers) override;
  void on_codec_error(const http::H1Error& error) override;
  void run_deferred() override { flush(); }

  void read_loop();
  void flush();
  void check_watermarks();
  void request_ended();
  ClientStreamEvents* detach();
  void on_peer_closed(bool reset);
  void on_idle();
  void on_connect_timeout();
  void on_max_duration();
  void fail(http::ResetReason reason, std::string_view detail);

  runtime::ThreadContext& thread_;
  ClusterShared& cluster_;
  Host& host_;
  ClientConnectionOwner& owner_;
  std::unique_ptr<net::Transport> transport_;
  http::H1ClientCodec codec_;
  Buffer in_, out_;
  http::UpstreamInfo info_;
  ClientStreamEvents* events_ = nullptr;
  Arena* arena_ = nullptr;
  std::uint64_t requests_ = 0;
  TimePoint started_{};
  State state_ = State::connecting;
  http::BodyFraming framing_ = http::BodyFraming::none;
  unsigned pauses_ = 0;
  bool readable_ = false, above_ = false, sent_any_ = false, request_ended_ = false, in_read_loop_ = false, connected_ = false,
       connection_high_ = false;
  event::Alarm<ClientConnection, &ClientConnection::on_idle> idle_;
  event::Alarm<ClientConnection, &ClientConnection::on_connect_timeout> connect_timeout_;
  event::Alarm<ClientConnection, &ClientConnection::on_max_duration> max_duration_;
};

}  // namespace outrigger::upstream
