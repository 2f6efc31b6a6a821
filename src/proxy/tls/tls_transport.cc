#include "proxy/tls/tls_transport.h"

#include <algorithm>
#include "proxy/tls/handshake_stats.h"

namespace outrigger::tls {

using net::IoResult;
using net::IoStatus;
using stats::SslStat;

namespace {
constexpr std::size_t kReadBytes = Buffer::kBlockBytes;
constexpr std::size_t kWriteBytes = 64 * 1024;  // encrypted at a time: one system call sends it
constexpr std::size_t kAnswersMax = 64 * 1024;  // of what the peer makes us send (KeyUpdate) and does not read
constexpr std::string_view kNoSecret = "TLS error: Secret is not supplied by SDS";
}  // namespace

TlsTransport::TlsTransport(runtime::ThreadContext& thread, std::unique_ptr<net::Transport> lower,
                           std::shared_ptr<const ServerContext> context, stats::BlockHandle stats, std::optional<Timeout> timeout)
    : thread_(thread),
      lower_(std::move(lower)),
      context_(context),
      stats_(stats),
      timeout_(timeout),
      info_(std::make_shared<Info>()),
      shared_info_(info_),
      timer_(thread.loop.timers(), thread.scaled, event::ScaledKind::transport_connect, *this),
      retell_timer_(thread.loop.timers(), *this) {
  Hooks::info = info_.get();
  if (context == nullptr) return;
  if (auto ssl = context->new_ssl(*this)) Hooks::engine = &engine_.emplace(std::move(ssl));
}

TlsTransport::TlsTransport(runtime::ThreadContext& thread, std::unique_ptr<net::Transport> lower,
                           std::shared_ptr<const ClientContext> context, stats::BlockHandle stats,
                           const net::ConnectDemands& demands, std::shared_ptr<Sessions> sessions)
    : thread_(thread),
      lower_(std::move(lower)),
      context_(context),
      client_(context.get()),
      connecting_out_(true),
      stats_(stats),
      info_(std::make_shared<Info>()),
      shared_info_(info_),
      peer_names_(demands.peer_names.begin(), demands.peer_names.end()),
      sessions_(std::move(sessions)),
      timer_(thread.loop.timers(), thread.scaled, event::ScaledKind::transport_connect, *this),
      retell_timer_(thread.loop.timers(), *this) {
  Hooks::info = info_.get();
  if (context == nullptr) return;
  const auto& o = context->client_options();
  const auto server_name = !demands.server_name.empty()                    ? demands.server_name
                           : o.auto_host_sni && !demands.host_name.empty() ? demands.host_name
                                                                           : std::string_view(o.server_name);
  if (o.auto_sni_san_validation) server_name_ = server_name;
  Hooks::names = {peer_names_, server_name_};
  auto ssl = context->new_ssl(*this, server_name, demands.alpn);
  if (ssl == nullptr) return;
  if (const auto p = demands.protocols; !p.empty())
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(p.data()), static_cast<unsigned>(p.size()));
  if (sessions_ != nullptr) {
    demands_ = server_name;
    for (const auto& n : peer_names_) demands_ += '\n' + n;
    const bool expired = o.validation != nullptr && o.validation->source().allow_expired;
    if (auto e = sessions_->take(context->id(), demands_, expired); e.session != nullptr) {
      SSL_set_session(ssl.get(), e.session.get());
      session_validated_ = e.validated;
    }
  }
  Hooks::engine = &engine_.emplace(std::move(ssl));
}

void TlsTransport::start(net::TransportEvents& events) {
  const bool again = events_ != nullptr;
  events_ = &events;
  if (again) return rearm();
  if (!connecting_out_ && engine_) state_ = State::handshake;
  if (timeout_) timer_.arm(timeout_->after);
  lower_->start(*this);
}

// ---- the handshake

void TlsTransport::on_connected() {
  if (!engine_) return fail();
  state_ = State::handshake;
  advance();
}

void TlsTransport::on_connect_failed(int error) {
  state_ = State::failed;
  events_->on_connect_failed(error);
}

void TlsTransport::advance() {
  while (true) {
    switch (engine_->handshake()) {
      case Engine::Status::ok: return complete();
      case Engine::Status::want_input: break;
      default: return fail();
    }
    flush();
    if (lower_drained_) return;
    const auto r = lower_->read(engine_->in(), kReadBytes);
    lower_drained_ = r.drained;
    if (r.status == IoStatus::would_block) return;
    if (r.status != IoStatus::ok) return end_handshake(r.status);
  }
}

void TlsTransport::complete() {
  flush();
  timer_.cancel();
  state_ = State::open;
  SSL* ssl = engine_->ssl();
  info_->settle(ssl, true);
  count_handshake(ssl, thread_.cells, stats_);
  if (verdict_reached)
    count_verdict(verdict, thread_.cells, stats_);  // one that was tolerated
  else if (SSL_session_reused(ssl) == 1)
    info_->set_validated(client_ != nullptr
                             ? session_validated_
                             : SSL_get_verify_result(ssl) == X509_V_OK && context_->options().validation != nullptr);
  if (std::exchange(shut_, false)) shutdown_write();
  if (connecting_out_) {
    events_->on_connected();
    if (state_ != State::open) return;
  } else {
    events_->on_writable();  // it may have tried
    if (state_ != State::open) return;
  }
  if (!lower_drained_ || !engine_->drained()) events_->on_readable();
}

/// OpenSSL's errors in words and counters; the alert goes out.
void TlsTransport::settle_failure() {
  state_ = State::failed;
  timer_.cancel();
  if (!engine_) {
    failure_ = kNoSecret;
    return;
  }
  const bool handshake = !info_->handshake_complete();
  if (handshake) info_->settle(engine_->ssl(), false);
  Failure f = engine_->take_failure(handshake && connecting_out_ && info_->cipher().empty());
  if (handshake && verdict_reached && verdict.kind == Verdict::bad_usage) {
    f.reason = key_usage_reason();
    f.verify = false;
  }
  // OpenSSL says nothing to what is no TLS; BoringSSL sends protocol_version.
  if (handshake && !connecting_out_ && f.reason.find(":WRONG_VERSION_NUMBER") != std::string::npos)
    engine_->out().append(std::string_view("\x15\x03\x01\x00\x02\x02\x46", 7));
  failure_ = f.reason;
  std::replace(failure_.begin(), failure_.end(), ' ', '_');  // as Envoy prints it everywhere
  if (verdict_reached && handshake) count_verdict(verdict, thread_.cells, stats_);
  if (f.no_certificate)
    thread_.cells.add(stats_, SslStat::fail_verify_no_cert);
  else if (f.any && !f.verify)
    thread_.cells.add(stats_, SslStat::connection_error);
  flush();
}

void TlsTransport::fail() {
  settle_failure();
  tell_failed();
}

/// A server's session learns it from its next read.
void TlsTransport::tell_failed() {
  if (connecting_out_)
    events_->on_connect_failed(0);
  else
    events_->on_readable();
}

/// The peer went away within the handshake.
void TlsTransport::end_handshake(IoStatus how) {
  state_ = State::failed;
  timer_.cancel();
  lower_ended_ = how == IoStatus::eof;
  if (!lower_ended_) failure_ = reset_reason();
  info_->settle(engine_->ssl(), false);
  tell_failed();
}

void TlsTransport::on_timeout() {
  thread_.cells.add(timeout_->listener, stats::ListenerStat::downstream_cx_transport_socket_connect_timeout);
  timed_out_ = lower_ended_ = true;
  state_ = State::failed;
  tell_failed();
}

void TlsTransport::on_new_session(SSL_SESSION* session) {
  SessionPtr mine(session);
  if (sessions_ == nullptr || client_ == nullptr || state_ == State::closed) return;
  const bool validated = verdict_reached ? verdict.kind == Verdict::accepted : session_validated_;
  sessions_->add({client_->id(), demands_, validated, std::move(mine)}, client_->client_options().session_keys_max);
}

void TlsTransport::on_response_asked(Stapling answer) { count_stapling(answer, thread_.cells, stats_); }

// ---- what comes from below

void TlsTransport::on_readable() {
  lower_drained_ = false;
  retell_ = false;
  if (state_ == State::connecting) return fail();  // no secret
  if (state_ == State::handshake) return advance();
  if (state_ != State::closed) events_->on_readable();
}

void TlsTransport::on_writable() {
  if (state_ == State::connecting || state_ == State::closed) return;
  const bool sent = flush();
  if (state_ != State::open || !sent) return;
  events_->on_writable();
  if (state_ == State::open && std::exchange(retell_, false)) events_->on_readable();
}

void TlsTransport::on_retell() {
  if (std::exchange(retell_, false) && state_ == State::open) events_->on_readable();
}

/// False: the kernel has not taken all.
bool TlsTransport::flush() noexcept {
  if (engine_->out().empty()) return true;
  lower_->write(engine_->out());
  return engine_->out().empty();
}

// ---- what the session does

IoResult TlsTransport::read(Buffer& into, std::size_t bytes_max) noexcept {
  if (state_ == State::connecting || state_ == State::handshake) return {IoStatus::would_block, 0, true};
  if (state_ != State::open) return {lower_ended_ ? IoStatus::eof : IoStatus::reset, 0, true};
  while (true) {
    std::size_t n = 0;
    const auto status = engine_->read(into, bytes_max, n);
    if (!engine_->out().empty() && !flush() && engine_->out().size() > kAnswersMax) {
      retell_ = true;
      return {IoStatus::would_block, 0, true};
    }
    switch (status) {
      case Engine::Status::ok: return {IoStatus::ok, n, lower_drained_ && engine_->drained()};
      case Engine::Status::closed: return {IoStatus::eof, 0, true};
      case Engine::Status::failed: settle_failure(); return {IoStatus::reset, 0, true};
      case Engine::Status::want_input: break;
    }
    if (lower_ended_) return {IoStatus::eof, 0, true};
    if (lower_drained_) return {IoStatus::would_block, 0, true};
    const auto r = lower_->read(engine_->in(), kReadBytes);
    lower_drained_ = r.drained;
    if (r.status == IoStatus::would_block || r.status == IoStatus::reset) return {r.status, 0, true};
    lower_ended_ = r.status == IoStatus::eof;
  }
}

IoResult TlsTransport::write(Buffer& from) noexcept {
  std::size_t total = 0;
  if (state_ == State::connecting || state_ == State::handshake) return {IoStatus::would_block, 0, true};
  while (true) {
    if (state_ != State::open) return {IoStatus::reset, total, true};
    if (!engine_->out().empty()) {
      const auto r = lower_->write(engine_->out());
      if (r.status == IoStatus::reset) return {IoStatus::reset, total, true};
      if (!engine_->out().empty()) return {IoStatus::would_block, total, true};
    }
    // Only what the kernel has is sent: until then it stays in the writer's buffer.
    from.drain(committed_);
    total += std::exchange(committed_, 0);
    if (from.empty()) return {IoStatus::ok, total, false};
    if (engine_->write(from, kWriteBytes, committed_) != Engine::Status::ok) {
      settle_failure();
      return {IoStatus::reset, total, true};
    }
  }
}

void TlsTransport::shutdown_write() noexcept {
  if (state_ == State::connecting || state_ == State::handshake) {
    shut_ = true;
    return;
  }
  if (state_ != State::open) return;
  engine_->shutdown();  // close_notify alone: the TCP connection stays whole, as Envoy leaves it
  flush();
}

void TlsTransport::rearm() noexcept {
  if (state_ == State::closed || events_ == nullptr) return;
  if (state_ == State::open && !engine_->drained()) {  // the kernel does not know of these bytes
    retell_ = true;
    retell_timer_.arm(std::chrono::milliseconds(1));
  }
  lower_->rearm();
}

void TlsTransport::close() noexcept {
  if (state_ == State::closed) return;
  if (engine_) {
    if (state_ == State::open) engine_->shutdown();
    flush();
  }
  state_ = State::closed;
  timer_.cancel();
  retell_timer_.cancel();
  lower_->close();
}

void TlsTransport::close_reset() noexcept {
  if (state_ == State::failed) return close();  // the alert must arrive
  if (state_ == State::closed) return;
  state_ = State::closed;
  timer_.cancel();
  retell_timer_.cancel();
  lower_->close_reset();
}

}  // namespace outrigger::tls
