#include "proxy/upstream/h1_client.h"

#include <utility>

namespace outrigger::upstream {

using http::ResetReason;
using stats::ClusterStat;

H1Client::H1Client(ClientConnection& connection) : connection_(connection), codec_(*connection.cluster().config->http1) {
  connection.describe(info_);
}

H1Client::~H1Client() = default;

void H1Client::attach(PoolWaiter& w) {
  events_ = &w.events();
  arena_ = &w.arena();
  pauses_ = 0;
  sent_any_ = request_ended_ = false;
  raw_ = w.sends_after_response();
  info_.first_tx = info_.last_tx = info_.first_rx = info_.first_body_rx = info_.last_rx = {};
  info_.bytes = {};
  info_.pool_ready = connection_.thread().loop.now();
  connection_.count_stream_start();
  w.on_pool_ready(*this, connection_.host());
}

// ---- the request

void H1Client::send_head(const http::RequestHead& head, bool end_stream) {
  const auto& o = *connection_.cluster().config->http1;
  const bool upgrade = head.headers.has(http::Name::upgrade);
  connect_ = head.is_connect();
  codec_.expect_response(head.method, upgrade);
  const std::size_t before = connection_.output().size();
  framing_ = http::write_request_head(
      head, end_stream,
      {o.header_case, o.enable_trailers, upgrade ? head.headers.get(http::Name::connection) : std::string_view{},
       o.send_fully_qualified_url},
      connection_.output());
  std::size_t target = head.is_connect() ? head.authority.size() : head.path.size();
  if (o.send_fully_qualified_url && !head.is_connect()) target += head.scheme.size() + 3 + head.authority.size();
  constexpr std::size_t kLineBytes = std::string_view("  HTTP/1.1\r\n\r\n").size();
  info_.bytes.header_sent += connection_.output().size() - before - head.method.size() - target - kLineBytes;
  info_.first_tx = connection_.thread().loop.now();
  if (end_stream) request_ended();
  connection_.schedule_flush();
}

void H1Client::request_ended() noexcept {
  request_ended_ = true;
  info_.last_tx = connection_.thread().loop.now();
}

void H1Client::send_body(Buffer& body, bool end_stream) {
  http::write_body(framing_, body, end_stream, connection_.output());
  if (end_stream) request_ended();
  connection_.on_output();
  // As Envoy: the end of what goes through a tunnel is the end of the connection.
  if (end_stream && (raw_ || (connect_ && codec_.is_tunnel())) && connection_.open()) connection_.end_behind_output();
}

void H1Client::send_trailers(const http::HeaderMap& trailers) {
  const auto& o = *connection_.cluster().config->http1;
  const std::size_t before = connection_.output().size();
  http::write_trailers(framing_, trailers, {o.header_case, o.enable_trailers, {}}, connection_.output());
  constexpr std::size_t kLastChunk = 5;
  const std::size_t wrote = connection_.output().size() - before;
  if (wrote > kLastChunk) info_.bytes.header_sent += wrote - kLastChunk;
  request_ended();
  connection_.schedule_flush();
}

void H1Client::on_bytes_sent(std::size_t bytes) noexcept {
  sent_any_ = true;
  info_.bytes.wire_sent += bytes;
}

void H1Client::on_output_above() {
  if (events_ != nullptr) events_->on_above_high_watermark();
}
void H1Client::on_output_below() {
  if (events_ != nullptr) events_->on_below_low_watermark();
}

// ---- the response

void H1Client::feed(Buffer& in) {
  if (events_ == nullptr) {  // nobody asked
    in.clear();
    connection_.thread().cells.add(connection_.cluster().stats, ClusterStat::upstream_cx_protocol_error);
    return connection_.close();
  }
  codec_.feed(in, *this);
}

void H1Client::read_disable(bool disable) {
  if (disable) {
    ++pauses_;
    return;
  }
  if (pauses_ > 0 && --pauses_ == 0) connection_.resume_reading();
}

/// The request is over: counters, and the receiver it had.
ClientStreamEvents* H1Client::detach() {
  auto* e = std::exchange(events_, nullptr);
  if (e == nullptr) return nullptr;
  arena_ = nullptr;
  pauses_ = 0;
  connection_.forget_watermark();
  connection_.count_stream_end();
  return e;
}

/// Bytes behind the response were not asked for: the next request must not take them for its answer.
bool H1Client::reusable() const noexcept {
  return codec_.keep_alive() && request_ended_ && connection_.output().empty() && !connection_.has_input();
}

/// The response is complete and told: the connection goes back, or it closes.
void H1Client::release(bool again) {
  if (!again && !request_ended_ && connection_.open()) {
    auto& cells = connection_.thread().cells;
    const auto& stats = connection_.cluster().stats;
    cells.add(stats, ClusterStat::upstream_cx_destroy_with_active_rq);
    cells.add(stats, peer_closed_ ? ClusterStat::upstream_cx_destroy_remote_with_active_rq
                                  : ClusterStat::upstream_cx_destroy_local_with_active_rq);
  }
  if (peer_closed_) return connection_.close(false);
  connection_.release(again);
}

void H1Client::on_informational(http::ResponseHead& head) { events_->on_informational(head); }

void H1Client::on_response_head(http::ResponseHead& head, bool end_stream) {
  info_.first_rx = connection_.thread().loop.now();
  if (end_stream) info_.last_rx = info_.first_rx;
  info_.bytes.header_received += head.headers.line_bytes();
  info_.bytes.plain_received += info_.bytes.header_received;
  if (!codec_.keep_alive() && http::list_has(head.headers.get(http::Name::connection), "close"))
    connection_.thread().cells.add(connection_.cluster().stats, ClusterStat::upstream_cx_close_notify);
  if (!end_stream) return events_->on_head(head, false);
  const bool again = reusable();
  detach()->on_head(head, true);
  release(again);
}

void H1Client::on_response_body(Buffer& body, bool end_stream) {
  if (events_ == nullptr) return body.clear();
  if (end_stream || info_.first_body_rx == TimePoint{}) {
    const auto now = connection_.thread().loop.now();
    if (info_.first_body_rx == TimePoint{}) info_.first_body_rx = now;
    if (end_stream) info_.last_rx = now;
  }
  if (!end_stream) return events_->on_body(body, false);
  const bool again = reusable();
  detach()->on_body(body, true);
  release(again);
}

void H1Client::on_response_trailers(http::HeaderMap& trailers) {
  info_.last_rx = connection_.thread().loop.now();
  info_.bytes.header_received += trailers.line_bytes();
  const bool again = reusable();
  if (auto* e = detach()) e->on_trailers(trailers);
  release(again);
}

// ---- ends

void H1Client::on_codec_error(const http::H1Error&) {
  connection_.thread().cells.add(connection_.cluster().stats, ClusterStat::upstream_cx_protocol_error);
  fail(ResetReason::protocol_error, true);
}

void H1Client::fail(ResetReason reason, bool local) {
  if (events_ != nullptr) {
    auto& cells = connection_.thread().cells;
    const auto& stats = connection_.cluster().stats;
    cells.add(stats, ClusterStat::upstream_cx_destroy_with_active_rq);
    cells.add(stats, local ? ClusterStat::upstream_cx_destroy_local_with_active_rq
                           : ClusterStat::upstream_cx_destroy_remote_with_active_rq);
  }
  auto* e = detach();
  connection_.close(local);
  if (e != nullptr) e->on_reset(reason, "");
}

void H1Client::on_peer_closed(bool reset) {
  if (events_ == nullptr) return connection_.close(false);
  if (codec_.is_tunnel() || (raw_ && request_ended_))
    return fail(ResetReason::connection_termination, (connect_ || raw_) && !reset);
  peer_closed_ = true;
  if (codec_.feed_eof(*this)) return connection_.close(false);  // the end of a body delimited by the close, whatever its kind
  // A message cut short is a framing error, as Envoy sees it.
  const bool cut = codec_.head_seen() || connection_.has_input();
  if (cut) connection_.thread().cells.add(connection_.cluster().stats, ClusterStat::upstream_cx_protocol_error);
  fail(cut ? ResetReason::protocol_error : ResetReason::connection_termination, (cut || connect_) && !reset);
}

void H1Client::cancel() {
  if (events_ == nullptr) return;
  auto& cells = connection_.thread().cells;
  const auto& stats = connection_.cluster().stats;
  cells.add(stats, ClusterStat::upstream_cx_destroy_with_active_rq);
  cells.add(stats, ClusterStat::upstream_cx_destroy_local_with_active_rq);
  detach();
  connection_.close();
}

}  // namespace outrigger::upstream
