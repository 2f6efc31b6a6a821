#include "proxy/hcm/h2_server.h"

#include <algorithm>
#include <utility>

#include "proxy/hcm/stream.h"

namespace outrigger::hcm {

using http::Flag;
using stats::Http2Stat;
using stats::HttpStat;

namespace {
// RFC 9113, 7
constexpr std::uint32_t kNoError = 0, kProtocolError = 1, kInternalError = 2, kRefusedStream = 7, kConnectError = 10;
constexpr std::size_t kFlushAtBytes = 64 * 1024;
constexpr std::size_t kSpareMax = 64;
// Envoy's runtime keys of rapid resets, and what holds without them.
constexpr std::string_view kResetsKey = "overload.premature_reset_total_stream_count";
constexpr std::string_view kLifetimeKey = "overload.premature_reset_min_stream_lifetime_seconds";
constexpr std::uint64_t kResetsLimit = 500, kLifetimeSeconds = 1;

Flag flag_of(std::uint32_t code) noexcept {
  return code == kProtocolError ? Flag::downstream_protocol_error : Flag::downstream_remote_reset;
}
}  // namespace

// ---- one stream

H2ServerStream::H2ServerStream(H2Server& server)
    : server_(server),
      timeout_(server.session_.worker().thread.loop.timers(), server.session_.worker().thread.scaled,
               event::ScaledKind::stream_flush, *this) {}

void H2ServerStream::begin() {
  opened_ = server_.session_.worker().thread.loop.now();
  stream_ = &server_.session_.new_stream(*this);
  if (const auto& limit = server_.config_.request_headers_timeout; limit && limit->count() > 0) timeout_.arm_whole(*limit);
}

void H2ServerStream::clear() {
  timeout_.cancel();
  reset_state();
  stream_ = nullptr;
  trailers_ = nullptr;
  framing_ = {};
  head_seen_ = tunnel_ = reset_after_end_ = false;
  body_allowed_ = true;
}

void H2ServerStream::write_informational(const http::ResponseHead& head) {
  http2::response_fields(head, server_.fields_);
  server_.codec_.submit_informational(*this, server_.fields_);
  server_.session_.schedule_flush();
}

void H2ServerStream::write_head(const http::ResponseHead& head, bool end_stream, http::BodyRule body, std::string_view) {
  body_allowed_ = body == http::BodyRule::any || body == http::BodyRule::tunnel;
  http2::response_fields(head, server_.fields_);
  server_.codec_.submit_response(*this, server_.fields_, end_stream);
  server_.session_.schedule_flush();
}

void H2ServerStream::write_body(Buffer& body, bool end_stream) {
  if (!body_allowed_) body.clear();
  server_.codec_.send_body(*this, body, end_stream);
  after_write();
}

void H2ServerStream::write_trailers(const http::HeaderMap& t) {
  http2::trailer_fields(t, server_.fields_);
  server_.codec_.send_trailers(*this, server_.fields_);
  after_write();
}

void H2ServerStream::after_write() {
  if (send.size() >= kFlushAtBytes)
    server_.session_.flush_now();
  else
    server_.session_.schedule_flush();
}

void H2ServerStream::pause_reading(bool pause) {
  server_.codec_.pause(*this, pause);
  if (pause && pauses == 1) server_.session_.count_pause(true);
  if (!pause && pauses == 0) {
    server_.session_.count_pause(false);
    server_.session_.schedule_flush();
  }
}

void H2ServerStream::meter(http::ByteMeter& bytes) const {
  bytes.wire_received = wire_received;
  bytes.wire_sent = wire_sent;
  bytes.header_received = header_wire_received;
  bytes.header_sent = header_wire_sent;
}

void H2ServerStream::on_stream_done(Stream& s, bool request_complete, bool abort) {
  if (stream_ != &s) return;
  stream_ = nullptr;
  server_.count_premature(*this, s.info());
  if (server_.dead_) return;
  if (abort) {
    if (!reset_sent && !server_.too_many_resets_) server_.fill_output();  // what was given before leaves before
    const auto& flags = s.info().flags;
    const bool cut = flags.has(Flag::upstream_connection_termination) || flags.has(Flag::upstream_connection_failure);
    const bool tunnel = s.is_upgrade() || s.request().is_connect();
    server_.codec_.reset(*this, tunnel && cut ? kConnectError : kInternalError);
  } else if (!request_complete) {
    reset_after_end_ = true;
    if (local_closed) server_.codec_.reset(*this, kNoError);
  }
  while (pauses > 0) server_.codec_.pause(*this, false);
  if (!local_closed && !reset_sent) arm_flush_timeout();
  server_.session_.schedule_flush();
}

bool H2ServerStream::tells_when_sent() noexcept {
  if (local_closed) return false;
  arm_flush_timeout();
  return true;
}

void H2ServerStream::arm_flush_timeout() {
  const auto& c = server_.config_;
  const auto limit = c.stream_flush_timeout ? c.stream_flush_timeout : c.stream_idle_timeout;
  if (limit && limit->count() > 0) timeout_.arm(*limit);
}

void H2ServerStream::on_timeout() {
  if (!head_seen_) {
    if (stream_ == nullptr) return;
    stream_->forget_request();
    return stream_->on_headers_timeout();
  }
  server_.session_.worker().thread.cells.add(server_.config_.http2_stats, Http2Stat::tx_flush_timeout);
  if (stream_ != nullptr) stream_->on_response_sent();  // as far as the client let us
  server_.codec_.reset(*this, kInternalError);
  server_.session_.schedule_flush();
}

// ---- the connection

H2Server::H2Server(Session& session)
    : session_(session),
      config_(*session.config()),
      codec_(http2::Codec::Side::server, config_.http2, session.worker().thread.cells, config_.http2_stats, *this,
             session.listener().buffer_bytes_max),
      keepalive_(session.worker().thread.loop.timers(), session.worker().thread.random, config_.http2.keepalive, *this) {
  session.worker().thread.cells.add(config_.http2_stats, Http2Stat::nghttp2_downstream_connections);
}

H2Server::~H2Server() {
  while (auto* s = open_.pop_front()) delete s;
  for (auto* s : closed_) delete s;
}

/// The overload manager has the client go elsewhere: it is told once. True: now, not when it is done here.
bool H2Server::shed_load(Buffer& in) {
  using Point = runtime::LoadShedPoint;
  if (session_.listener().overload == nullptr) return false;
  if (!overload_goaway_ && session_.sheds_load(Point::http2_server_go_away_on_dispatch)) {
    overload_goaway_ = true;
    drain_notice();
  }
  if (!session_.sheds_load(Point::http2_server_go_away_and_close_on_dispatch)) return false;
  if (!std::exchange(overload_goaway_, true)) drain_notice();
  drain();
  in.clear();
  fill_output();
  dead_ = true;
  open_.each([](H2ServerStream& s) {
    if (s.stream_ != nullptr) s.stream_->on_downstream_gone("forced_goaway", std::nullopt);
  });
  open_streams_ = 0;
  session_.note_flag(Flag::overload_manager);
  session_.begin_close(true);
  return true;
}

void H2Server::feed(Buffer& in) {
  if (dead_) return in.clear();
  if (shed_load(in)) return;
  const bool ok = codec_.feed(in);
  keepalive_.on_received();
  session_.schedule_flush();
  if (dead_ || !session_.open()) return;
  if (too_many_resets_) {
    dead_ = true;
    auto& cells = session_.worker().thread.cells;
    cells.add(config_.stats, HttpStat::downstream_rq_too_many_premature_resets);
    cells.add(config_.stats, HttpStat::downstream_cx_protocol_error);
    bool active = false;
    open_.each([&active](H2ServerStream& s) {
      if (s.stream_ == nullptr) return;
      active = true;
      s.stream_->on_downstream_gone("too_many_premature_resets", std::nullopt);
    });
    if (!active) open_streams_ = 0;
    return session_.abort();
  }
  if (!ok) fail(codec_.failure().details);
}

void H2Server::fill_output() {
  if (!dead_ && !codec_.fill(session_.output())) fail(codec_.failure().details);
}

void H2Server::on_written(std::size_t bytes) { codec_.on_written(bytes); }

/// More may be ready than was put into the output at once.
bool H2Server::has_more() const noexcept { return !dead_ && codec_.wants_write(); }

void H2Server::on_turn_end() {
  for (auto* s : closed_) {
    s->clear();
    if (spare_.size() < kSpareMax)
      spare_.emplace_back(s);
    else
      delete s;
  }
  closed_.clear();
  if (dead_ || !session_.output().empty()) return;
  if (codec_.error_sent()) return fail(codec_.failure().details);
  // What the client still sends is read for a while: unread, it would have the kernel take back the last response.
  if ((goaway_ || client_goaway_) && open_streams_ == 0) session_.begin_close(client_goaway_);
}

/// The connection can't go on: what runs on it ends, and it closes once the output is out.
void H2Server::fail(std::string_view details) {
  if (std::exchange(dead_, true)) return;
  auto& cells = session_.worker().thread.cells;
  if (!codec_.failure().flood) cells.add(config_.stats, HttpStat::downstream_cx_protocol_error);
  session_.note_flag(Flag::downstream_protocol_error);
  open_.each([&](H2ServerStream& s) {
    if (s.stream_ == nullptr) return;
    if (!s.head_seen_) s.stream_->forget_request();
    const std::string_view why = s.details.empty() ? s.stream_->arena().cat("codec_error:", details) : s.details;
    s.stream_->on_downstream_gone(why, Flag::downstream_protocol_error);
  });
  session_.begin_close(true);
}

// ---- requests

http2::CodecStream* H2Server::on_request_begin(std::int32_t) {
  if (goaway_ || dead_) return nullptr;
  H2ServerStream* s;
  if (spare_.empty()) {
    s = new H2ServerStream(*this);
  } else {
    s = spare_.back().release();
    spare_.pop_back();
  }
  open_.push_back(*s);
  ++open_streams_;
  s->begin();
  return s;
}

void H2Server::on_block_begin(http2::CodecStream& c) {
  auto& s = static_cast<H2ServerStream&>(c);
  if (s.stream_ == nullptr) return;
  Arena& arena = s.stream_->arena();
  s.trailers_ = arena.make<http::HeaderMap>(arena, http::MapOf::request_trailers);
}

bool H2Server::on_header(http2::CodecStream& c, std::string_view name, std::string_view value) {
  auto& s = static_cast<H2ServerStream&>(c);
  if (s.stream_ == nullptr) return true;
  if (!s.head_seen_)
    http2::add_request_field(s.stream_->request(), name, value);
  else
    http2::add_trailer_field(*s.trailers_, name, value);
  return true;
}

void H2Server::on_headers_end(http2::CodecStream& c, bool end_stream) {
  auto& s = static_cast<H2ServerStream&>(c);
  if (s.stream_ == nullptr) return;
  if (s.head_seen_) return s.stream_->on_request_trailers(*s.trailers_);
  s.head_seen_ = true;
  s.timeout_.cancel();
  session_.note_request();
  http2::finish_request(s.stream_->request(), s.framing_);
  s.stream_->on_request_head(s.framing_, end_stream);
}

void H2Server::on_data(http2::CodecStream& c, Buffer& data, bool end_stream) {
  auto& s = static_cast<H2ServerStream&>(c);
  if (s.stream_ == nullptr) return data.clear();
  s.stream_->on_request_body(data, end_stream);
}

// ---- ends of streams

void H2Server::on_reset(http2::CodecStream& c, std::uint32_t code) {
  auto& s = static_cast<H2ServerStream&>(c);
  if (s.stream_ == nullptr) return;
  s.reset_sent = true;  // there is nothing left to reset
  const bool quiet = code == kNoError && s.remote_closed;  // as Envoy: nothing went wrong
  const std::string_view details = code == kRefusedStream ? "http2.remote_refuse" : "http2.remote_reset";
  s.stream_->on_downstream_gone(quiet ? std::string_view() : details, quiet ? std::nullopt : std::optional(flag_of(code)));
}

void H2Server::on_closed(http2::CodecStream& c, std::uint32_t code) {
  auto& s = static_cast<H2ServerStream&>(c);
  s.reset_sent = true;
  if (s.stream_ != nullptr) {  // nghttp2 reset it
    if (!s.head_seen_) s.stream_->forget_request();
    s.stream_->on_downstream_gone(s.details.empty() ? "http2.remote_reset" : s.details, flag_of(code));
  }
  s.unlink();
  --open_streams_;
  closed_.push_back(&s);
  session_.schedule_flush();
  if (open_streams_ == 0 && session_.open()) session_.wait_idle();
}

void H2Server::count_premature(const H2ServerStream& s, const http::StreamInfo& info) {
  ++closed_count_;
  if (info.response_code != 0) return;
  const auto& thread = session_.worker().thread;
  const auto lifetime = std::chrono::duration_cast<std::chrono::seconds>(thread.loop.now() - s.opened_).count();
  if (static_cast<std::uint64_t>(lifetime) > thread.runtime->integer(kLifetimeKey, kLifetimeSeconds)) return;
  ++premature_;
  const auto most = std::max(closed_count_, thread.runtime->integer(kResetsKey, kResetsLimit));
  if (premature_ * 2 < most || too_many_resets_) return;
  too_many_resets_ = true;
  codec_.give_up();
}

void H2Server::on_send_above(http2::CodecStream& c) {
  auto& s = static_cast<H2ServerStream&>(c);
  if (s.stream_ != nullptr) s.stream_->on_output_above();
}
void H2Server::on_send_below(http2::CodecStream& c) {
  auto& s = static_cast<H2ServerStream&>(c);
  if (s.stream_ != nullptr) s.stream_->on_output_below();
}

void H2Server::on_local_end(http2::CodecStream& c) {
  auto& s = static_cast<H2ServerStream&>(c);
  s.timeout_.cancel();
  if (s.reset_after_end_ && !s.remote_closed) codec_.reset(s, kNoError);
  if (s.stream_ == nullptr) return;
  s.stream_->on_response_sent();
}

// ---- end of the connection

void H2Server::on_gone(std::string_view details) {
  dead_ = true;
  keepalive_.stop();
  open_.each([details](H2ServerStream& s) {
    s.timeout_.cancel();
    if (s.stream_ != nullptr) s.stream_->on_downstream_gone(details);
  });
}

void H2Server::drain_notice() {
  if (dead_) return;
  codec_.submit_goaway(true);
  session_.schedule_flush();
}

void H2Server::drain() {
  if (dead_ || std::exchange(goaway_, true)) return;
  codec_.submit_goaway(false);
  session_.schedule_flush();
}

void H2Server::send_ping() {
  codec_.submit_ping();
  session_.schedule_flush();
}

void H2Server::on_keepalive_timeout() {
  auto& cells = session_.worker().thread.cells;
  cells.add(config_.http2_stats, Http2Stat::keepalive_timeout);
  dead_ = true;
  if (open_streams_ > 0) {  // as Envoy counts them
    cells.add(config_.stats, HttpStat::downstream_cx_destroy_active_rq);
    cells.add(config_.stats, HttpStat::downstream_cx_destroy_remote_active_rq);
  }
  open_streams_ = 0;
  open_.each([](H2ServerStream& s) {
    if (s.stream_ != nullptr) s.stream_->on_downstream_gone("downstream_local_disconnect(http2_ping_timeout)");
  });
  session_.abort();
}

}  // namespace outrigger::hcm
