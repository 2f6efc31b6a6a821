#include "proxy/upstream/h2_client.h"

#include <algorithm>
#include <utility>

namespace outrigger::upstream {

using http::ResetReason;
using stats::ClusterStat;
using stats::Http2Stat;

namespace {
// RFC 9113, 7
constexpr std::uint32_t kProtocolError = 1, kInternalError = 2, kRefusedStream = 7, kConnectError = 10;
constexpr std::size_t kFlushAtBytes = 64 * 1024;
constexpr std::size_t kSpareMax = 64;

ResetReason reason_of(std::uint32_t code) noexcept {
  if (code == kRefusedStream) return ResetReason::remote_refused_stream;
  if (code == kProtocolError) return ResetReason::protocol_error;
  return code == kConnectError ? ResetReason::connect_error : ResetReason::remote_reset;
}
}  // namespace

// ---- one request

H2ClientStream::H2ClientStream(H2Client& client) : client_(client) {
  client.connection_.describe(info_);
  info_.protocol = http::Protocol::http2;
}

void H2ClientStream::clear() {
  reset_state();
  events_ = nullptr;
  arena_ = nullptr;
  head_ = nullptr;
  trailers_ = nullptr;
  upgrade_ = {};
  head_seen_ = sends_on_ = answered_ = false;
  info_.first_tx = info_.last_tx = info_.first_rx = info_.first_body_rx = info_.last_rx = {};
  info_.bytes = {};
}

void H2ClientStream::send_head(const http::RequestHead& head, bool end_stream) {
  if (!head.is_connect()) upgrade_ = head.headers.get(http::Name::upgrade);
  http2::request_fields(head, client_.fields_);
  info_.first_tx = client_.connection_.thread().loop.now();
  if (end_stream) info_.last_tx = info_.first_tx;
  client_.codec_.submit_request(*this, client_.fields_, end_stream);
  client_.connection_.schedule_flush();
}

void H2ClientStream::send_body(Buffer& body, bool end_stream) {
  if (end_stream) info_.last_tx = client_.connection_.thread().loop.now();
  client_.codec_.send_body(*this, body, end_stream);
  const bool over = end_stream && answered_ && detach() != nullptr;
  after_write();
  if (over) client_.connection_.release(true);
}

void H2ClientStream::send_trailers(const http::HeaderMap& t) {
  info_.last_tx = client_.connection_.thread().loop.now();
  http2::trailer_fields(t, client_.fields_);
  client_.codec_.send_trailers(*this, client_.fields_);
  after_write();
}

void H2ClientStream::after_write() {
  if (send.size() >= kFlushAtBytes)
    client_.connection_.flush_now();
  else
    client_.connection_.schedule_flush();
}

void H2ClientStream::read_disable(bool disable) {
  client_.codec_.pause(*this, disable);
  if (!disable) client_.connection_.schedule_flush();
}

/// The request is over: counters, and the receiver it had.
ClientStreamEvents* H2ClientStream::detach() {
  auto* e = std::exchange(events_, nullptr);
  if (e == nullptr) return nullptr;
  arena_ = nullptr;
  info_.bytes.wire_sent = wire_sent;
  info_.bytes.wire_received = wire_received;
  info_.bytes.header_sent = header_wire_sent;
  info_.bytes.header_received = header_wire_received;
  while (pauses > 0) client_.codec_.pause(*this, false);
  --client_.active_;
  client_.connection_.count_stream_end();
  return e;
}

void H2ClientStream::cancel() {
  if (detach() == nullptr) return;
  client_.connection_.thread().cells.add(client_.connection_.cluster().stats, ClusterStat::upstream_rq_tx_reset);
  client_.codec_.reset(*this, kInternalError);
  client_.connection_.schedule_flush();
  if (id == 0) client_.on_closed(*this, kInternalError);  // never submitted
  client_.connection_.release(true);
}

// ---- the connection

H2Client::H2Client(ClientConnection& connection)
    : connection_(connection),
      codec_(http2::Codec::Side::client, *connection.cluster().config->http2, connection.thread().cells,
             connection.cluster().http2_stats, *this, connection.cluster().config->buffer_bytes_max),
      last_stream_(connection.thread().loop.now()),
      keepalive_(connection.thread().loop.timers(), connection.thread().random, connection.cluster().config->http2->keepalive,
                 *this) {
  connection.schedule_flush();  // the preface
}

H2Client::~H2Client() {
  while (auto* s = open_.pop_front()) delete s;
  for (auto* s : closed_) delete s;
}

std::uint32_t H2Client::room() const noexcept {
  if (dead_) return 0;
  const auto most = std::min(connection_.cluster().config->http2->streams_max, codec_.peer_streams_max());
  return active_ >= most ? 0 : most - active_;
}

void H2Client::attach(PoolWaiter& w) {
  reuse_closed();
  H2ClientStream* s;
  if (spare_.empty()) {
    s = new H2ClientStream(*this);
  } else {
    s = spare_.back().release();
    spare_.pop_back();
  }
  open_.push_back(*s);
  s->events_ = &w.events();
  s->arena_ = &w.arena();
  s->sends_on_ = w.sends_after_response();
  const auto now = connection_.thread().loop.now();
  s->info_.pool_ready = now;
  ++active_;
  keepalive_.on_stream(now - std::exchange(last_stream_, now));
  connection_.count_stream_start();
  w.on_pool_ready(*s, connection_.host());
}

void H2Client::feed(Buffer& in) {
  if (dead_) return in.clear();
  feeding_ = true;
  const bool ok = codec_.feed(in);
  feeding_ = false;
  keepalive_.on_received();
  if (!connection_.open()) return;
  connection_.schedule_flush();
  reuse_closed();
  if (!ok) return fail(ResetReason::protocol_error, "", true);
  if (active_ == 0 && connection_.draining) connection_.close();
}

void H2Client::fill_output() {
  if (dead_) return;
  if (!codec_.fill(connection_.output()) || codec_.error_sent()) fail(ResetReason::protocol_error, "", true);
}

void H2Client::reuse_closed() {
  if (feeding_) return;
  for (auto* s : closed_) {
    s->clear();
    if (spare_.size() < kSpareMax)
      spare_.emplace_back(s);
    else
      delete s;
  }
  closed_.clear();
}

// ---- responses

void H2Client::on_block_begin(http2::CodecStream& c) {
  auto& s = static_cast<H2ClientStream&>(c);
  if (s.events_ == nullptr) return;
  if (s.head_seen_)
    s.trailers_ = s.arena_->make<http::HeaderMap>(*s.arena_, http::MapOf::response_trailers);
  else
    s.head_ = s.arena_->make<http::ResponseHead>(*s.arena_);
}

bool H2Client::on_header(http2::CodecStream& c, std::string_view name, std::string_view value) {
  auto& s = static_cast<H2ClientStream&>(c);
  if (s.events_ == nullptr) return true;
  if (s.head_seen_)
    http2::add_trailer_field(*s.trailers_, name, value);
  else
    http2::add_response_field(*s.head_, name, value);
  return true;
}

/// The response is complete.
void H2Client::finish(H2ClientStream& s) {
  if (!s.local_closed && !s.reset_sent && !(s.sends_on_ && s.send_end)) {  // the rest of the request is not wanted
    connection_.thread().cells.add(connection_.cluster().stats, ClusterStat::upstream_rq_tx_reset);
    codec_.reset(s, kInternalError);
  }
  connection_.release(true);
  if (connection_.open()) return;  // else it was draining: as Envoy counts it
  connection_.thread().cells.add(connection_.cluster().stats, ClusterStat::upstream_cx_protocol_error);
}

void H2Client::on_headers_end(http2::CodecStream& c, bool end_stream) {
  auto& s = static_cast<H2ClientStream&>(c);
  if (s.events_ == nullptr) return;
  if (s.head_seen_) {
    s.info_.last_rx = connection_.thread().loop.now();
    if (s.stays()) return s.events_->on_trailers(*s.trailers_);
    s.detach()->on_trailers(*s.trailers_);
    return finish(s);
  }
  if (s.head_->status / 100 == 1) {
    if (!end_stream) s.events_->on_informational(*s.head_);
    return;
  }
  s.head_seen_ = true;
  s.info_.first_rx = connection_.thread().loop.now();
  if (end_stream) s.info_.last_rx = s.info_.first_rx;
  http2::finish_response(*s.head_, s.upgrade_);
  if (!end_stream) return s.events_->on_head(*s.head_, false);
  s.detach()->on_head(*s.head_, true);
  finish(s);
}

void H2Client::on_data(http2::CodecStream& c, Buffer& data, bool end_stream) {
  auto& s = static_cast<H2ClientStream&>(c);
  if (s.events_ == nullptr) return data.clear();
  const TimePoint now = connection_.thread().loop.now();
  if (s.info_.first_body_rx == TimePoint{} && !data.empty()) s.info_.first_body_rx = now;
  if (end_stream) s.info_.last_rx = now;
  if (!end_stream || s.stays()) return s.events_->on_body(data, end_stream);
  s.detach()->on_body(data, true);
  finish(s);
}

// ---- ends

void H2Client::on_reset(http2::CodecStream& c, std::uint32_t code) {
  auto& s = static_cast<H2ClientStream&>(c);
  s.reset_sent = true;  // there is nothing left to reset
  end_reset(s, s.detach(), code);
}

/// The stream ended before its answer did.
void H2Client::end_reset(H2ClientStream& s, ClientStreamEvents* e, std::uint32_t code) {
  s.reset_sent = true;
  if (e == nullptr) return;
  const ResetReason reason = reason_of(code);
  auto& cells = connection_.thread().cells;
  if (reason == ResetReason::remote_reset) cells.add(connection_.cluster().stats, ClusterStat::upstream_rq_rx_reset);
  if (reason == ResetReason::protocol_error) cells.add(connection_.cluster().stats, ClusterStat::upstream_rq_tx_reset);
  e->on_reset(reason, "");
  connection_.release(true);
}

void H2Client::on_closed(http2::CodecStream& c, std::uint32_t code) {
  auto& s = static_cast<H2ClientStream&>(c);
  s.reset_sent = true;
  auto* e = s.detach();
  s.unlink();
  closed_.push_back(&s);
  end_reset(s, e, code);  // not by the peer's RST_STREAM: it was refused unsent, or what came was not HTTP
}

void H2Client::on_send_above(http2::CodecStream& c) {
  auto& s = static_cast<H2ClientStream&>(c);
  if (s.events_ != nullptr) s.events_->on_above_high_watermark();
}
void H2Client::on_send_below(http2::CodecStream& c) {
  auto& s = static_cast<H2ClientStream&>(c);
  if (s.events_ != nullptr) s.events_->on_below_low_watermark();
}
void H2Client::on_local_end(http2::CodecStream&) {}

/// No new requests; those the peer did not take are safe to try elsewhere (nghttp2 closes them).
void H2Client::on_goaway(std::int32_t, std::uint32_t) {
  if (std::exchange(connection_.draining, true)) return;
  connection_.thread().cells.add(connection_.cluster().stats, ClusterStat::upstream_cx_close_notify);
  connection_.on_draining();
}

void H2Client::fail(ResetReason reason, std::string_view detail, bool local) {
  if (std::exchange(dead_, true)) return;
  auto& cells = connection_.thread().cells;
  const auto& stats = connection_.cluster().stats;
  if (reason == ResetReason::protocol_error) cells.add(stats, ClusterStat::upstream_cx_protocol_error);
  if (active_ > 0 && reason != ResetReason::protocol_error) {
    cells.add(stats, ClusterStat::upstream_cx_destroy_with_active_rq);
    cells.add(stats, local ? ClusterStat::upstream_cx_destroy_local_with_active_rq
                           : ClusterStat::upstream_cx_destroy_remote_with_active_rq);
  }
  connection_.close(local);
  open_.each([&](H2ClientStream& s) {
    auto* e = s.detach();
    if (e == nullptr) return;
    cells.add(stats, reason == ResetReason::protocol_error ? ClusterStat::upstream_rq_tx_reset
                                                           : ClusterStat::upstream_rq_pending_failure_eject);
    e->on_reset(reason, detail);
  });
}

void H2Client::on_peer_closed(bool) {
  if (active_ == 0) return connection_.close(false);
  fail(ResetReason::connection_termination, "", false);
}

void H2Client::stop() noexcept {
  dead_ = true;
  keepalive_.stop();
  codec_.fill(connection_.output());
  connection_.write_last();  // resets and the GOAWAY of an error
}

void H2Client::send_ping() {
  codec_.submit_ping();
  connection_.schedule_flush();
}

void H2Client::on_keepalive_timeout() {
  connection_.thread().cells.add(connection_.cluster().http2_stats, Http2Stat::keepalive_timeout);
  fail(ResetReason::connection_termination, "", true);
}

}  // namespace outrigger::upstream
