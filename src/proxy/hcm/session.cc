#include "proxy/hcm/session.h"

#include <utility>

namespace outrigger::hcm {

using stats::Http1Stat;
using stats::HttpStat;

namespace {
constexpr std::size_t kReadBytes = Buffer::kBlockBytes;
constexpr unsigned kReadsPerTurn = 64;            // then other connections get their turn
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
      codec_(config_->http1),
      idle_(worker.thread.loop.timers(), *this),
      delayed_close_(worker.thread.loop.timers(), *this),
      max_duration_(worker.thread.loop.timers(), *this),
      headers_timeout_(worker.thread.loop.timers(), *this) {}

Session::~Session() = default;

std::unique_ptr<net::Connection> SessionFactory::make(Worker& worker, std::unique_ptr<net::Transport> transport,
                                                      http::ConnectionInfo info, const ListenerContext& listener,
                                                      net::ConnectionOwner& owner) const {
  return std::make_unique<Session>(worker, config_, std::move(transport), std::move(info), listener, owner);
}

void Session::start() {
  auto& cells = worker_.thread.cells;
  cells.add(config_->stats, HttpStat::downstream_cx_total);
  cells.inc(config_->stats, HttpStat::downstream_cx_active);
  cells.add(config_->stats, HttpStat::downstream_cx_http1_total);
  cells.inc(config_->stats, HttpStat::downstream_cx_http1_active);
  if (config_->idle_timeout) idle_.arm(*config_->idle_timeout);
  if (config_->max_connection_duration) max_duration_.arm(*config_->max_connection_duration);
  transport_->start(*this);
}

bool Session::drain_requested() noexcept {
  const auto now = worker_.thread.loop.now();
  const auto asks = [&](const Drain* d) { return d != nullptr && d->close_now(now, worker_.thread.random); };
  return asks(listener_.drain) || asks(listener_.server_drain);
}

// ---- reading

bool Session::reading_allowed() const noexcept {
  if (pauses_ > 0 || state_ == State::delaying) return false;
  // A pipelined request waits here, bounded, until the one before it is answered.
  return !(codec_.request_complete() && in_.size() >= kReadBytes);
}

void Session::on_readable() {
  readable_ = true;
  if (!in_read_loop_) read_loop();
}

void Session::read_loop() {
  in_read_loop_ = true;
  auto& cells = worker_.thread.cells;
  for (unsigned reads = 0; readable_ && state_ != State::closed && reading_allowed(); ++reads) {
    if (reads == kReadsPerTurn) {
      readable_ = false;
      transport_->rearm();
      break;
    }
    const auto r = transport_->read(in_, kReadBytes);
    if (r.status == net::IoStatus::ok) {
      cells.add(config_->stats, HttpStat::downstream_cx_rx_bytes_total, r.bytes);
      if (r.drained) readable_ = false;
      feed();
    } else {
      readable_ = false;
      if (r.status != net::IoStatus::would_block) {
        in_read_loop_ = false;
        return on_remote_gone(r.status == net::IoStatus::reset);
      }
    }
  }
  in_read_loop_ = false;
  if (in_.empty()) in_.trim();
}

void Session::feed() {
  codec_.feed(in_, *this);
  if (stream_ != nullptr || state_ != State::open || !codec_.between_requests() || in_.empty()) return;
  new_stream();  // part of a head is here: the request's clocks run
  if (config_->request_headers_timeout) headers_timeout_.arm(*config_->request_headers_timeout);
}

void Session::pause_reading(bool pause) {
  if (pause) {
    if (pauses_++ == 0) worker_.thread.cells.add(config_->stats, HttpStat::downstream_flow_control_paused_reading_total);
    return;
  }
  if (pauses_ == 0 || --pauses_ > 0) return;
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_flow_control_resumed_reading_total);
  if (readable_) {
    readable_ = false;
    transport_->rearm();
  }
}

Stream& Session::new_stream() {
  auto& spare = worker_.spare_streams;
  if (spare.empty()) {
    stream_ = new Stream(worker_);
  } else {
    stream_ = spare.back().release();
    spare.pop_back();
  }
  idle_.cancel();
  ++requests_;
  stream_->start(*this);
  return *stream_;
}

http::RequestHead& Session::on_request_start() { return stream_ != nullptr ? stream_->request() : new_stream().request(); }

void Session::on_request_head(const http::Framing& framing, bool end_stream) {
  headers_timeout_.cancel();
  if (framing.dropped_underscores > 0)
    worker_.thread.cells.add(config_->codec_stats, Http1Stat::dropped_headers_with_underscores, framing.dropped_underscores);
  if (stream_ != nullptr) stream_->on_request_head(framing, end_stream);
}
void Session::on_request_body(Buffer& body, bool end_stream) {
  if (stream_ != nullptr) stream_->on_request_body(body, end_stream);
}
void Session::on_request_trailers(http::HeaderMap& trailers) {
  if (stream_ != nullptr) stream_->on_request_trailers(trailers);
}

void Session::on_codec_error(const http::H1Error& error) {
  headers_timeout_.cancel();
  auto& cells = worker_.thread.cells;
  cells.add(config_->stats, HttpStat::downstream_cx_protocol_error);
  if (error.detail == http::kUnderscoreDetail)
    cells.add(config_->codec_stats, Http1Stat::requests_rejected_with_underscores_in_headers);
  closing_ = true;
  if (stream_ != nullptr)
    stream_->on_codec_error(error);
  else
    begin_close(false);
}

void Session::on_headers_timeout() {
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_rq_header_timeout);
  on_request_start();
  codec_.stop();
  stream_->on_headers_timeout();
}

// ---- writing

void Session::schedule_flush() {
  if (!event::Deferred::linked()) worker_.thread.loop.defer(*this);
}

void Session::write_informational(const http::ResponseHead& head) {
  http::write_response_head(head, false, http::BodyRule::bodiless_status,
                            info_.start == TimePoint{} ? head.protocol : http::Protocol::http11,
                            {config_->http1.header_case, false, {}}, out_);
  schedule_flush();
}

void Session::write_head(const http::ResponseHead& head, bool end_stream, http::BodyRule body, std::string_view connection) {
  framing_ = http::write_response_head(head, end_stream, body, stream_->info().protocol,
                                       {config_->http1.header_case, config_->http1.enable_trailers, connection}, out_);
  if (framing_ == http::BodyFraming::until_close) closing_ = true;
  schedule_flush();
}

void Session::write_body(Buffer& body, bool end_stream) {
  http::write_body(framing_, body, end_stream, out_);
  if (framing_ == http::BodyFraming::tunnel && end_stream) closing_ = true;
  if (out_.size() >= kFlushAtBytes && !end_stream)
    flush();
  else
    schedule_flush();
  check_watermarks();
}

void Session::write_trailers(const http::HeaderMap& trailers) {
  http::write_trailers(framing_, trailers, {config_->http1.header_case, config_->http1.enable_trailers, {}}, out_);
  schedule_flush();
}

void Session::flush() {
  if (state_ == State::closed || out_.empty()) return;
  const auto r = transport_->write(out_);
  if (r.bytes > 0) worker_.thread.cells.add(config_->stats, HttpStat::downstream_cx_tx_bytes_total, r.bytes);
  if (r.status == net::IoStatus::reset) return on_remote_gone(true);
  check_watermarks();
}

void Session::check_watermarks() {
  const std::size_t high = listener_.buffer_bytes_max;
  if (!above_ && high != 0 && out_.size() > high) {
    above_ = true;
    if (stream_ != nullptr) stream_->on_output_above();
  } else if (above_ && out_.size() <= high / 2) {
    above_ = false;
    if (stream_ != nullptr) stream_->on_output_below();
  }
}

void Session::on_writable() {
  if (state_ == State::closed || out_.empty()) return;
  flush();
  if (state_ == State::flushing && out_.empty()) begin_close(false);
}

void Session::run_deferred() {
  if (state_ == State::closed) return;
  const bool next = std::exchange(next_request_, false);
  flush();
  if (state_ == State::flushing && out_.empty()) return begin_close(false);
  if (state_ != State::open || !next) return;
  codec_.next_request();
  if (config_->idle_timeout) idle_.arm(*config_->idle_timeout);
  if (!in_.empty()) feed();
  if (readable_ && !in_read_loop_) {
    readable_ = false;
    transport_->rearm();
  }
}

// ---- ending

void Session::on_stream_done(Stream& s, bool request_complete, bool abort) {
  if (stream_ != &s) return;
  stream_ = nullptr;
  above_ = false;
  if (pauses_ > 0) {
    pauses_ = 0;
    if (readable_) transport_->rearm();
  }
  if (!request_complete) codec_.stop();
  if (state_ != State::open) return;
  if (closing_ || abort || !request_complete || tunnel_) {
    begin_close((linger_ || !request_complete) && !abort);
  } else {
    next_request_ = true;
    schedule_flush();
  }
}

/// `delay`: the client still sends; a FIN now could turn into a RST that destroys our answer.
void Session::begin_close(bool delay) {
  codec_.stop();
  in_.clear();
  idle_.cancel();
  if (!out_.empty()) {
    state_ = State::flushing;
    flush();
    if (state_ == State::closed) return;
  }
  if (out_.empty() && (!delay || config_->delayed_close_timeout.count() == 0)) return finish_close(false);
  state_ = out_.empty() || delay ? State::delaying : State::flushing;
  if (config_->delayed_close_timeout.count() > 0) delayed_close_.arm(config_->delayed_close_timeout);
  pauses_ = 0;
  if (readable_) transport_->rearm();
}

void Session::on_delayed_close() {
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_cx_delayed_close_timeout);
  finish_close(false);
}

void Session::on_remote_gone(bool reset) {
  if (state_ == State::closed) return;
  if (stream_ != nullptr) stream_->on_downstream_gone();
  finish_close(true, reset);
}

void Session::finish_close(bool by_remote, bool reset) {
  if (state_ == State::closed) return;
  const bool active = stream_ != nullptr;
  state_ = State::closed;
  if (stream_ != nullptr) stream_->on_downstream_gone();
  auto& cells = worker_.thread.cells;
  const auto b = config_->stats;
  cells.add(b, HttpStat::downstream_cx_destroy);
  cells.add(b, by_remote ? HttpStat::downstream_cx_destroy_remote : HttpStat::downstream_cx_destroy_local);
  if (active) {
    cells.add(b, HttpStat::downstream_cx_destroy_active_rq);
    cells.add(b, by_remote ? HttpStat::downstream_cx_destroy_remote_active_rq : HttpStat::downstream_cx_destroy_local_active_rq);
  }
  cells.dec(b, HttpStat::downstream_cx_active);
  cells.dec(b, HttpStat::downstream_cx_http1_active);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(worker_.thread.loop.now() - info_.start);
  cells.record(b, HttpStat::downstream_cx_length_ms, static_cast<std::uint64_t>(ms.count()));
  idle_.cancel();
  delayed_close_.cancel();
  max_duration_.cancel();
  headers_timeout_.cancel();
  in_.clear();
  out_.clear();
  if (reset)
    transport_->close_reset();
  else
    transport_->close();
  owner_.on_connection_closed(*this);
}

void Session::close_now() {
  if (stream_ != nullptr) stream_->on_downstream_gone();
  finish_close(false);
}

void Session::start_drain() {
  closing_ = true;
  if (stream_ == nullptr && state_ == State::open && codec_.between_requests() && in_.empty()) begin_close(false);
}

void Session::on_idle() {
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_cx_idle_timeout);
  begin_close(false);
}

void Session::on_max_duration() {
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_cx_max_duration_reached);
  closing_ = true;
  if (stream_ == nullptr && state_ == State::open) begin_close(false);
}

}  // namespace outrigger::hcm
