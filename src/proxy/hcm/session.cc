#include "proxy/hcm/session.h"

#include <algorithm>
#include <utility>

#include "proxy/base/text.h"
#include "proxy/hcm/connection_log.h"
#include "proxy/hcm/h1_server.h"
#include "proxy/hcm/h2_server.h"
#include "proxy/hcm/stream.h"
#include "proxy/http/connection_facts.h"

namespace outrigger::hcm {

using stats::HttpStat;

namespace {
constexpr std::size_t kFlushAtBytes = 64 * 1024;  // bulk: write before the caches are cold
}  // namespace

Session::Session(Worker& worker, ConfigPtr config, std::unique_ptr<net::Transport> transport, http::ConnectionInfo info,
                 ListenerContext listener, net::ConnectionOwner& owner)
    : worker_(worker),
      config_(std::move(config)),
      transport_(std::move(transport)),
      info_(std::move(info)),
      listener_(listener),
      owner_(owner),
      idle_(worker.thread.loop.timers(), worker.thread.scaled, event::ScaledKind::connection_idle, *this),
      drain_(worker.thread.loop.timers(), *this),
      delayed_close_(worker.thread.loop.timers(), *this),
      max_duration_(worker.thread.loop.timers(), worker.thread.scaled, event::ScaledKind::connection_max, *this),
      high_watermark_(worker.thread.loop.timers(), *this) {}

Session::~Session() = default;

std::unique_ptr<net::Connection> SessionFactory::make(Worker& worker, std::unique_ptr<net::Transport> transport,
                                                      http::ConnectionInfo info, const ListenerContext& listener,
                                                      net::ConnectionOwner& owner) const {
  return std::make_unique<Session>(worker, config_, std::move(transport), std::move(info), listener, owner);
}

void SessionFactory::on_refused(Worker& worker, http::StreamInfo& stream, bool by_client) const {
  auto& cells = worker.thread.cells;
  const auto& b = config_->stats;
  cells.add(b, HttpStat::downstream_cx_total);
  cells.add(b, HttpStat::downstream_cx_destroy);
  cells.add(b, by_client ? HttpStat::downstream_cx_destroy_remote : HttpStat::downstream_cx_destroy_local);
  const auto ms = (worker.thread.loop.now() - stream.connection->start).count() / 1000;
  cells.record(b, HttpStat::downstream_cx_length_ms, static_cast<std::uint64_t>(ms));
}

void Session::start() {
  auto& cells = worker_.thread.cells;
  info_.tells_addresses = config_->tells_addresses;
  cells.add(config_->stats, HttpStat::downstream_cx_total);
  cells.inc(config_->stats, HttpStat::downstream_cx_active);
  cells.gauge_add(config_->stats, HttpStat::downstream_cx_rx_bytes_buffered, 0);  // listed as used
  if (info_.tls != nullptr) {
    cells.add(config_->stats, HttpStat::downstream_cx_ssl_total);
    cells.inc(config_->stats, HttpStat::downstream_cx_ssl_active);
  }
  wait_idle();
  if (const auto& limit = config_->max_connection_duration)
    max_duration_.arm(jittered(*limit, config_->max_connection_duration_jitter, worker_.thread.random));
  transport_->start(*this);
}

void Session::wait_idle() {
  if (config_->idle_timeout) idle_.arm(*config_->idle_timeout);
}

bool Session::drain_requested() noexcept {
  const auto now = worker_.thread.loop.now();
  const auto asks = [&](const Drain* d) { return d != nullptr && d->close_now(now, worker_.thread.random); };
  return asks(listener_.drain) || asks(listener_.server_drain);
}

bool Session::sheds_load(runtime::LoadShedPoint p) noexcept {
  auto& thread = worker_.thread;
  return listener_.overload != nullptr && listener_.overload->sheds(p, thread.random, thread.cells);
}

bool Session::hit_by(runtime::OverloadAction a) noexcept {
  return listener_.overload != nullptr && listener_.overload->hits(a, worker_.thread.random);
}

Stream& Session::new_stream(Downstream& down) {
  auto& spare = worker_.spare_streams;
  Stream* s;
  if (spare.empty()) {
    s = new Stream(worker_);
  } else {
    s = spare.back().release();
    spare.pop_back();
  }
  idle_.cancel();
  ++requests_;
  s->start(*this, down, protocol_->protocol());
  return *s;
}

// ---- reading

bool Session::reading_allowed() const noexcept {
  if (state_ == State::delaying || info_.held()) return false;
  return protocol_ == nullptr || protocol_->wants_bytes(in_.size());
}

void Session::on_readable() {
  reads_.set_readable();
  if ((state_ == State::delaying || info_.held()) && transport_->peer_closed()) return finish_close(true);
  if (!reads_.running()) read_loop();
}

void Session::read_loop() {
  const auto wants = [this] { return state_ != State::closed && reading_allowed(); };
  const auto take = [this](std::size_t bytes) {
    worker_.thread.cells.add(config_->stats, HttpStat::downstream_cx_rx_bytes_total, bytes);
    if (bytes_read_ == 0) note_data(bytes);
    bytes_read_ += bytes;
    if (!stopped()) feed();
  };
  const auto end = reads_.run(*transport_, in_, listener_.buffer_bytes_max, wants, take);
  if (end == net::IoStatus::would_block) return;
  if (end == net::IoStatus::eof && bytes_read_ == 0) note_data(0);
  on_remote_gone(end == net::IoStatus::reset);
}

/// ALPN, or the client's preface (RFC 9113, 3.4). False: more bytes decide.
bool Session::choose_protocol() {
  constexpr auto kPreface = http::kHttp2Preface.substr(0, 12);  // enough to tell it
  bool http2 = config_->codec == Config::Codec::http2;
  if (config_->codec == Config::Codec::automatic) {
    const std::string_view alpn = transport_->alpn();
    if (!alpn.empty()) {
      http2 = alpn == "h2";
    } else {
      const auto start = in_.linearize(std::min(in_.size(), kPreface.size()));
      http2 = agrees_so_far({start.data(), start.size()}, kPreface);
      if (http2 && start.size() < kPreface.size()) return false;
    }
  }
  auto& cells = worker_.thread.cells;
  if (http2) {
    protocol_ = std::make_unique<H2Server>(*this);
    cells.add(config_->stats, HttpStat::downstream_cx_http2_total);
    cells.inc(config_->stats, HttpStat::downstream_cx_http2_active);
  } else {
    protocol_ = std::make_unique<H1Server>(*this);
    cells.add(config_->stats, HttpStat::downstream_cx_http1_total);
    cells.inc(config_->stats, HttpStat::downstream_cx_http1_active);
  }
  return true;
}

void Session::feed() {
  if (protocol_ == nullptr && sheds_load(runtime::LoadShedPoint::hcm_ondata_creating_codec)) {
    worker_.thread.cells.add(config_->stats, HttpStat::downstream_rq_overload_close);
    note_flag(http::Flag::overload_manager);
    return begin_close(true);
  }
  if (protocol_ == nullptr && !choose_protocol()) return;
  protocol_->feed(in_);
}

void Session::count_pause(bool pause) noexcept {
  worker_.thread.cells.add(config_->stats, pause ? HttpStat::downstream_flow_control_paused_reading_total
                                                 : HttpStat::downstream_flow_control_resumed_reading_total);
}

void Session::resume_reading() { reads_.resume(*transport_); }

// ---- writing

void Session::schedule_flush() {
  if (!event::Deferred::linked()) worker_.thread.loop.defer(*this);
}

void Session::on_output(bool more_follows) {
  if (more_follows && out_.size() >= kFlushAtBytes)
    flush();
  else
    schedule_flush();
  check_watermarks();
}

void Session::flush() {
  if (state_ == State::closed) return;
  do {
    if (protocol_ != nullptr) protocol_->fill_output();
    if (state_ == State::closed || out_.empty()) return;
    const auto r = transport_->write(out_);
    if (r.bytes > 0) {
      worker_.thread.cells.add(config_->stats, HttpStat::downstream_cx_tx_bytes_total, r.bytes);
      bytes_written_ += r.bytes;
      if (protocol_ != nullptr) protocol_->on_written(r.bytes);
    }
    if (r.status == net::IoStatus::reset) return on_remote_gone(true);
  } while (out_.empty() && protocol_ != nullptr && protocol_->has_more());
  check_watermarks();
}

void Session::check_watermarks() {
  const std::size_t high = listener_.buffer_bytes_max;
  if (high_watermark_.armed() && out_.size() <= high / 2) high_watermark_.cancel();
  if (state_ == State::closed || protocol_ == nullptr) return;
  if (!above_ && high != 0 && out_.size() > high) {
    above_ = true;
    if (listener_.high_watermark_timeout && !high_watermark_.armed()) high_watermark_.arm(*listener_.high_watermark_timeout);
    protocol_->on_output_above();
  } else if (above_ && out_.size() <= high / 2) {
    above_ = false;
    protocol_->on_output_below();
  }
}

/// By filters in front: what the client has sent goes no further, for now or for ever.
bool Session::stopped() {
  const auto gate = info_.gate([this] { on_released(); });
  if (gate == http::Gate::denied) finish_close(false);
  return gate != http::Gate::open;
}

void Session::on_released() {
  if (state_ != State::open) return;
  note_data(bytes_read_);
  if (info_.facts().denied) net::discard_unread(*transport_, in_);
  if (stopped()) return;
  feed();
  if (state_ != State::closed) resume_reading();
}

void Session::note_data(std::uint64_t bytes) {
  const auto& loop = worker_.thread.loop;
  info_.note_data(loop.now(), loop.wall(), bytes);
}

void Session::on_writable() {
  info_.note_handshake(worker_.thread.loop.now(), worker_.thread.loop.wall());
  if (state_ == State::closed || out_.empty()) return;
  flush();
  if (state_ == State::flushing && out_.empty()) return begin_close(false);
  if (state_ == State::open && out_.empty()) schedule_flush();  // what waited for it, such as the end of a drain
}

void Session::run_deferred() {
  if (state_ == State::closed) return;
  flush();
  if (state_ == State::flushing && out_.empty()) return begin_close(false);
  if (state_ == State::open && protocol_ != nullptr) protocol_->on_turn_end();
}

// ---- ending

void Session::begin_close(bool delay) {
  if (protocol_ != nullptr) protocol_->stop();
  in_.clear();
  idle_.cancel();
  if (!out_.empty()) {
    state_ = State::flushing;
    flush();
    if (state_ == State::closed) return;
  }
  if (out_.empty() && (!delay || config_->delayed_close_timeout.count() == 0)) return finish_close(false);
  const bool lingers = delay && config_->delayed_close_timeout.count() > 0;
  state_ = lingers ? State::delaying : State::flushing;
  if (config_->delayed_close_timeout.count() > 0) delayed_close_.arm(config_->delayed_close_timeout);
  if (reads_.readable()) transport_->rearm();
}

void Session::count_cut_request() noexcept {
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_cx_destroy_active_rq);
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_cx_destroy_local_active_rq);
}

void Session::on_delayed_close() {
  if (protocol_ != nullptr && protocol_->protocol() == http::Protocol::http2) net::discard_unread(*transport_, in_);
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_cx_delayed_close_timeout);
  info_.local_close_reason = "triggered_delayed_close_timeout";
  finish_close(false);
}

/// What the client doesn't take is lost.
void Session::on_high_watermark_timeout() {
  too_slow_ = true;
  finish_close(false);
}

void Session::on_remote_gone(bool reset) { finish_close(true, reset); }

void Session::finish_close(bool by_remote, bool reset) {
  if (state_ == State::closed) return;
  const bool active = protocol_ != nullptr && !protocol_->idle();
  state_ = State::closed;
  if (protocol_ != nullptr)
    protocol_->on_gone(too_slow_ ? "downstream_local_disconnect(buffer_high_watermark_timeout_reached)"
                                 : "downstream_remote_disconnect");
  if (too_slow_) info_.local_close_reason = "buffer_high_watermark_timeout_reached";  // not for the stream's log
  auto& cells = worker_.thread.cells;
  const auto b = config_->stats;
  cells.add(b, HttpStat::downstream_cx_destroy);
  cells.add(b, by_remote ? HttpStat::downstream_cx_destroy_remote : HttpStat::downstream_cx_destroy_local);
  if (active) {
    cells.add(b, HttpStat::downstream_cx_destroy_active_rq);
    const bool remote = by_remote || too_slow_;  // as Envoy counts
    cells.add(b, remote ? HttpStat::downstream_cx_destroy_remote_active_rq : HttpStat::downstream_cx_destroy_local_active_rq);
  }
  cells.dec(b, HttpStat::downstream_cx_active);
  if (info_.tls != nullptr) cells.dec(b, HttpStat::downstream_cx_ssl_active);
  if (protocol_ != nullptr)
    cells.dec(b, protocol_->protocol() == http::Protocol::http2 ? HttpStat::downstream_cx_http2_active
                                                                : HttpStat::downstream_cx_http1_active);
  if (soft_drain_) cells.dec(b, HttpStat::downstream_cx_http1_soft_drain);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(worker_.thread.loop.now() - info_.start);
  cells.record(b, HttpStat::downstream_cx_length_ms, static_cast<std::uint64_t>(ms.count()));
  idle_.cancel();
  drain_.cancel();
  delayed_close_.cancel();
  max_duration_.cancel();
  high_watermark_.cancel();
  in_.clear();
  out_.clear();
  if (reset) info_.close_type = http::CloseType::remote_reset;
  if (reset)
    transport_->close_reset();
  else
    transport_->close();
  if (const auto why = transport_->failure_reason(); !why.empty()) info_.transport_failure_reason = why;
  if (info_.termination_details.empty()) info_.termination_details = transport_->termination_details();
  log();
  owner_.on_connection_closed(*this);
}

/// The listener's line about the connection as a whole.
void Session::log() {
  if (listener_.access_logs == nullptr || listener_.access_logs->empty()) return;
  auto& loop = worker_.thread.loop;
  http::StreamInfo s;
  s.connection = &info_;
  s.start = info_.start;
  s.start_wall = loop.wall() - (loop.now() - info_.start);
  s.has_protocol = has_request_;
  if (has_request_) s.protocol = protocol_->protocol();
  s.flags = flags_;
  s.bytes_received = bytes_read_;
  s.bytes_sent = bytes_written_;
  log_connection(*listener_.access_logs, accesslog::LogType::not_set, s, worker_);
}

void Session::close_now() { finish_close(false); }

void Session::start_drain() {
  draining_ = true;
  if (state_ != State::open) return;
  if (protocol_ != nullptr)
    protocol_->drain();
  else if (in_.empty())
    begin_close(false);
}

void Session::on_idle() {
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_cx_idle_timeout);
  start_drain_sequence();
}

/// A connection that has seen a request is closed only drain_timeout later: one that is under way to us
/// is answered still, with "connection: close".
void Session::start_drain_sequence() {
  if (protocol_ == nullptr) return begin_close(false);
  if (std::exchange(draining_, true)) return;
  protocol_->drain_notice();
  drain_.arm(jittered(config_->drain_timeout, config_->drain_timeout_jitter, worker_.thread.random));
}

void Session::on_max_duration() {
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_cx_max_duration_reached);
  if (config_->http1_safe_max_connection_duration && protocol_ != nullptr && protocol_->close_after_next()) {
    soft_drain_ = true;
    worker_.thread.cells.inc(config_->stats, HttpStat::downstream_cx_http1_soft_drain);
    return;
  }
  start_drain_sequence();
}

}  // namespace outrigger::hcm
