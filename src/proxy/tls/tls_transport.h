// TLS over another transport, both sides. The handshake runs inside: the events of a client's connection
// begin with on_connected once it is done, those of a server's with what the client sent after it.
// Owned by one session, on one worker.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "proxy/event/loop.h"
#include "proxy/event/scaled_timers.h"
#include "proxy/net/transport_socket.h"
#include "proxy/runtime/thread_context.h"
#include "proxy/stats/names.h"
#include "proxy/tls/context.h"
#include "proxy/tls/sessions.h"

namespace outrigger::tls {

class TlsTransport final : public net::Transport, private net::TransportEvents, private Hooks {
 public:
  struct Timeout {
    Duration after;
    stats::BlockHandle listener;  // counts it
  };
  /// Null context: the secrets have not arrived, the connection ends at once.
  TlsTransport(runtime::ThreadContext& thread, std::unique_ptr<net::Transport> lower,
               std::shared_ptr<const ServerContext> context, stats::BlockHandle stats, std::optional<Timeout> timeout);
  TlsTransport(runtime::ThreadContext& thread, std::unique_ptr<net::Transport> lower,
               std::shared_ptr<const ClientContext> context, stats::BlockHandle stats, const net::ConnectDemands& demands,
               std::shared_ptr<Sessions> sessions);
  ~TlsTransport() override { close(); }

  void start(net::TransportEvents& events) override;
  net::IoResult read(Buffer& into, std::size_t bytes_max) noexcept override;
  net::IoResult write(Buffer& from) noexcept override;
  void shutdown_write() noexcept override;
  void rearm() noexcept override;
  bool peer_closed() const noexcept override { return lower_->peer_closed(); }
  void close() noexcept override;
  void close_reset() noexcept override;
  const net::Address& local() const noexcept override { return lower_->local(); }
  const net::Address& remote() const noexcept override { return lower_->remote(); }
  std::string_view alpn() const noexcept override { return info_->alpn(); }
  const std::shared_ptr<const net::TlsInfo>& tls() const noexcept override { return shared_info_; }
  std::string_view failure_reason() const noexcept override { return failure_; }
  std::string_view termination_details() const noexcept override {
    return timed_out_ ? "transport socket timeout was reached" : std::string_view{};
  }

 private:
  enum class State : std::uint8_t { connecting, handshake, open, failed, closed };
  // net::TransportEvents, of the transport below
  void on_connected() override;
  void on_connect_failed(int error) override;
  void on_readable() override;
  void on_writable() override;
  // Hooks
  void on_new_session(SSL_SESSION* session) override;
  void on_response_asked(Stapling answer) override;

  void advance();
  void complete();
  void fail();
  void end_handshake(net::IoStatus how);
  void tell_failed();
  void settle_failure();
  bool flush() noexcept;
  void on_timeout();
  void on_retell();

  runtime::ThreadContext& thread_;
  std::unique_ptr<net::Transport> lower_;
  std::shared_ptr<const Context> context_;
  const ClientContext* client_ = nullptr;
  const bool connecting_out_ = false;  // the client's side
  stats::BlockHandle stats_;
  std::optional<Timeout> timeout_;
  std::shared_ptr<Info> info_;
  std::shared_ptr<const net::TlsInfo> shared_info_;
  std::vector<std::string> peer_names_;
  std::string server_name_;  // when the certificate must have it
  std::string demands_;      // names this connection's sessions
  std::shared_ptr<Sessions> sessions_;
  std::optional<Engine> engine_;
  net::TransportEvents* events_ = nullptr;
  std::string failure_;
  std::size_t committed_ = 0;  // plaintext bytes at the front of the writer's buffer that are encrypted already
  State state_ = State::connecting;
  bool lower_drained_ = false, lower_ended_ = false, shut_ = false, retell_ = false, session_validated_ = false,
       timed_out_ = false;
  event::ScaledAlarm<TlsTransport, &TlsTransport::on_timeout> timer_;
  event::Alarm<TlsTransport, &TlsTransport::on_retell> retell_timer_;
};

}  // namespace outrigger::tls
