#include "proxy/hcm/h1_server.h"

#include <utility>

#include "proxy/hcm/stream.h"

namespace outrigger::hcm {

using stats::Http1Stat;
using stats::HttpStat;

H1Server::H1Server(Session& session)
    : session_(session),
      config_(*session.config()),
      codec_(config_.http1),
      headers_timeout_(session.worker().thread.loop.timers(), *this) {}

H1Server::~H1Server() = default;

// ---- requests

void H1Server::feed(Buffer& in) {
  const bool begins = stream_ == nullptr && codec_.between_requests() && !in.empty();
  if (begins && response_ends_[0] > session_.bytes_sent()) return refuse_flood();
  const bool lives = !in.empty() && session_.open() && !codec_.stopped();
  if (lives && session_.sheds_load(runtime::LoadShedPoint::http1_server_abort_dispatch)) return abort_for_overload(in);
  codec_.feed(in, *this);
  if (stream_ != nullptr || !session_.open() || !codec_.between_requests() || in.empty()) return;
  begin_stream();  // part of a head is here: the request's clocks run
  if (config_.request_headers_timeout) headers_timeout_.arm(*config_.request_headers_timeout);
}

/// A client that asks on and on and reads nothing: two answers wait for it, there will be no third.
void H1Server::refuse_flood() {
  session_.worker().thread.cells.add(config_.codec_stats, Http1Stat::response_flood);
  session_.count_cut_request();
  session_.note_flag(http::Flag::downstream_protocol_error);
  session_.new_stream(*this).on_downstream_gone("codec_error:Too_many_responses_queued.", http::Flag::downstream_protocol_error);
  session_.begin_close(true);
}

void H1Server::abort_for_overload(Buffer& in) {
  session_.worker().thread.cells.add(config_.stats, HttpStat::downstream_rq_overload_close);
  in.clear();
  headers_timeout_.cancel();
  session_.note_flag(http::Flag::overload_manager);
  closing_ = linger_ = true;  // a client that still sends must not lose the answer to a reset
  codec_.stop();
  if (responding_) {
    std::exchange(stream_, nullptr)->on_downstream_gone("overload", http::Flag::overload_manager);
    return session_.begin_close(true);
  }
  on_request_start();
  stream_->on_codec_error({500, "Internal Server Error", "overload"});
}

bool H1Server::wants_bytes(std::size_t waiting) const noexcept {
  if (pauses_ > 0) return false;
  // A pipelined request waits here, bounded, until the one before it is answered.
  return !(codec_.request_complete() && waiting >= Session::kReadBytes);
}

void H1Server::pause_reading(bool pause) {
  if (pause) {
    if (pauses_++ == 0) session_.count_pause(true);
    return;
  }
  if (pauses_ == 0 || --pauses_ > 0) return;
  session_.count_pause(false);
  session_.resume_reading();
}

void H1Server::begin_stream() {
  stream_ = &session_.new_stream(*this);
  closing_ = closing_ || last_next_;
}

http::RequestHead& H1Server::on_request_start() {
  if (stream_ == nullptr) begin_stream();
  return stream_->request();
}

void H1Server::on_request_head(const http::Framing& framing, bool end_stream) {
  headers_timeout_.cancel();
  if (framing.dropped_underscores > 0)
    session_.worker().thread.cells.add(config_.codec_stats, Http1Stat::dropped_headers_with_underscores,
                                       framing.dropped_underscores);
  session_.note_request();
  if (stream_ != nullptr) stream_->on_request_head(framing, end_stream);
}
void H1Server::on_request_body(Buffer& body, bool end_stream) {
  if (stream_ != nullptr) stream_->on_request_body(body, end_stream);
}
void H1Server::on_request_trailers(http::HeaderMap& trailers) {
  if (stream_ != nullptr) stream_->on_request_trailers(trailers);
}

void H1Server::on_codec_error(const http::H1Error& error) {
  headers_timeout_.cancel();
  auto& cells = session_.worker().thread.cells;
  cells.add(config_.stats, HttpStat::downstream_cx_protocol_error);
  session_.note_flag(http::Flag::downstream_protocol_error);
  if (error.detail == http::kUnderscoreDetail)
    cells.add(config_.codec_stats, Http1Stat::requests_rejected_with_underscores_in_headers);
  closing_ = true;
  if (stream_ != nullptr)
    stream_->on_codec_error(error);
  else
    session_.begin_close(false);
}

void H1Server::on_headers_timeout() {
  session_.worker().thread.cells.add(config_.stats, HttpStat::downstream_rq_header_timeout);
  on_request_start();
  codec_.stop();
  stream_->on_headers_timeout();
}

// ---- responses

namespace {
/// "HTTP/1.1 200 " and the ends of the status line and of the head.
constexpr std::uint64_t kStatusLineBytes = 17;
std::uint64_t header_bytes(std::uint64_t head_bytes, const http::ResponseHead& head) {
  return head_bytes - kStatusLineBytes - (head.reason.empty() ? http::reason_phrase(head.status) : head.reason).size();
}
}  // namespace

void H1Server::write_informational(const http::ResponseHead& head) {
  const std::size_t before = session_.output().size();
  http::write_response_head(head, false, http::BodyRule::bodiless_status, http::Protocol::http11,
                            {config_.http1.header_case, false, {}}, session_.output());
  const std::uint64_t wrote = session_.output().size() - before;
  sent_ += wrote;
  header_sent_ += header_bytes(wrote, head);
  session_.schedule_flush();
}

void H1Server::write_head(const http::ResponseHead& head, bool end_stream, http::BodyRule body, std::string_view connection) {
  const std::size_t before = session_.output().size();
  framing_ = http::write_response_head(head, end_stream, body, stream_->info().protocol,
                                       {config_.http1.header_case, config_.http1.enable_trailers, connection}, session_.output());
  const std::uint64_t wrote = session_.output().size() - before;
  sent_ += wrote;
  header_sent_ += header_bytes(wrote, head);
  responding_ = true;
  if (framing_ == http::BodyFraming::until_close) closing_ = true;
  session_.schedule_flush();
}

void H1Server::write_body(Buffer& body, bool end_stream) {
  const std::size_t before = session_.output().size();
  http::write_body(framing_, body, end_stream, session_.output());
  sent_ += session_.output().size() - before;
  if (framing_ == http::BodyFraming::tunnel && end_stream) closing_ = true;
  session_.on_output(!end_stream);
}

void H1Server::write_trailers(const http::HeaderMap& trailers) {
  const std::size_t before = session_.output().size();
  http::write_trailers(framing_, trailers, {config_.http1.header_case, config_.http1.enable_trailers, {}}, session_.output());
  const std::uint64_t wrote = session_.output().size() - before;
  constexpr std::uint64_t kLastChunk = 5;
  sent_ += wrote;
  if (wrote > kLastChunk) header_sent_ += wrote - kLastChunk;
  session_.schedule_flush();
}

void H1Server::become_tunnel() {
  codec_.become_tunnel();
  tunnel_ = true;
}

void H1Server::on_output_above() {
  if (stream_ != nullptr) stream_->on_output_above();
}
void H1Server::on_output_below() {
  if (stream_ != nullptr) stream_->on_output_below();
}

// ---- ends

void H1Server::close_after_response(bool linger) noexcept {
  closing_ = true;
  linger_ = linger_ || linger;
}

void H1Server::meter(http::ByteMeter& bytes) const {
  bytes.wire_received = codec_.message_bytes();
  bytes.wire_sent = sent_;
  bytes.header_sent = bytes.plain_sent = header_sent_;
}

void H1Server::on_stream_done(Stream& s, bool request_complete, bool abort) {
  if (stream_ != &s) return;
  stream_ = nullptr;
  responding_ = false;
  sent_ = header_sent_ = 0;
  session_.forget_watermark();
  if (pauses_ > 0) {
    pauses_ = 0;
    session_.resume_reading();
  }
  if (!request_complete) codec_.stop();
  if (!session_.open()) return;
  if (closing_ || abort || !request_complete || tunnel_) {
    session_.begin_close((linger_ || !request_complete) && !abort);
  } else {
    response_ends_[0] = std::exchange(response_ends_[1], session_.bytes_sent() + session_.output().size());
    next_request_ = true;
    session_.schedule_flush();
  }
}

void H1Server::on_turn_end() {
  if (!std::exchange(next_request_, false)) return;
  if (drained_) return session_.begin_close(false);  // the end came behind a response
  codec_.next_request();
  session_.wait_idle();
  session_.feed();
  session_.resume_reading();
}

void H1Server::stop() noexcept {
  codec_.stop();
  pauses_ = 0;
}

void H1Server::on_gone(std::string_view details) {
  headers_timeout_.cancel();
  if (stream_ != nullptr) stream_->on_downstream_gone(details);
}

void H1Server::drain() {
  closing_ = drained_ = true;
  if (stream_ == nullptr && codec_.between_requests()) session_.begin_close(false);
}

}  // namespace outrigger::hcm
