#include "proxy/upstream/client_connection.h"

#include <cstring>
#include <utility>
#include "proxy/upstream/tcp_dialer.h"

namespace outrigger::upstream {

using http::ResetReason;
using stats::ClusterStat;

namespace {
constexpr std::size_t kReadBytes = Buffer::kBlockBytes;
constexpr unsigned kReadsPerTurn = 64;
constexpr std::size_t kFlushAtBytes = 64 * 1024;
}  // namespace

ClientConnection::ClientConnection(runtime::ThreadContext& thread, ClusterShared& cluster, Host& host,
                                   ClientConnectionOwner& owner, std::unique_ptr<net::Transport> transport)
    : thread_(thread),
      cluster_(cluster),
      host_(host),
      owner_(owner),
      transport_(std::move(transport)),
      codec_(cluster.config->http1),
      idle_(thread.loop.timers(), *this),
      connect_timeout_(thread.loop.timers(), *this),
      max_duration_(thread.loop.timers(), *this) {
  host.describe(info_);
  info_.connection_id = next_upstream_connection_id();
}

ClientConnection::~ClientConnection() = default;

void ClientConnection::start() {
  auto& cells = thread_.cells;
  cells.add(cluster_.stats, ClusterStat::upstream_cx_total);
  cells.inc(cluster_.stats, ClusterStat::upstream_cx_active);
  cells.add(cluster_.stats, ClusterStat::upstream_cx_http1_total);
  host_.stats().cx_total.fetch_add(1, std::memory_order_relaxed);
  host_.stats().cx_active.fetch_add(1, std::memory_order_relaxed);
  started_ = thread_.loop.now();
  connect_timeout_.arm(cluster_.config->connect_timeout);
  transport_->start(*this);
}

void ClientConnection::on_connected() {
  if (state_ != State::connecting) return;
  state_ = State::open;
  connected_ = true;
  connect_timeout_.cancel();
  info_.local = transport_->local();
  const auto ms = (thread_.loop.now() - started_).count() / 1000;
  thread_.cells.record(cluster_.stats, ClusterStat::upstream_cx_connect_ms, static_cast<std::uint64_t>(ms));
  if (cluster_.config->max_connection_duration) max_duration_.arm(*cluster_.config->max_connection_duration);
  owner_.on_connected(*this);
}

void ClientConnection::on_connect_failed(int error) {
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_connect_fail);
  host_.stats().cx_connect_fail.fetch_add(1, std::memory_order_relaxed);
  thread_local std::string detail;
  detail = std::string("delayed connect error: ") + std::strerror(error);
  state_ = State::closed;
  transport_->close();
  connect_timeout_.cancel();
  owner_.on_closed(*this, PoolFailure::connect_failed, detail);
}

void ClientConnection::on_connect_timeout() {
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_connect_timeout);
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_connect_fail);
  host_.stats().cx_connect_fail.fetch_add(1, std::memory_order_relaxed);
  state_ = State::closed;
  transport_->close();
  owner_.on_closed(*this, PoolFailure::connect_timeout, "");
}

void ClientConnection::attach(PoolWaiter& w) {
  idle_.cancel();
  ++requests_;
  events_ = &w.events();
  arena_ = &w.arena();
  pauses_ = 0;
  sent_any_ = request_ended_ = false;
  info_.first_tx = info_.last_tx = info_.first_rx = info_.last_rx = {};
  info_.pool_ready = thread_.loop.now();
  auto& cells = thread_.cells;
  cells.add(cluster_.stats, ClusterStat::upstream_rq_total);
  cells.inc(cluster_.stats, ClusterStat::upstream_rq_active);
  host_.stats().rq_total.fetch_add(1, std::memory_order_relaxed);
  host_.stats().rq_active.fetch_add(1, std::memory_order_relaxed);
  ++host_.active_requests;
  w.on_pool_ready(*this, host_);
}

// ---- the request

void ClientConnection::send_head(const http::RequestHead& head, bool end_stream) {
  const auto& o = cluster_.config->http1;
  const bool upgrade = head.headers.has(http::Name::upgrade);
  codec_.expect_response(head.method, upgrade);
  framing_ = http::write_request_head(
      head, end_stream,
      {o.header_case, o.enable_trailers, upgrade ? head.headers.get(http::Name::connection) : std::string_view{}}, out_);
  info_.first_tx = thread_.loop.now();
  if (end_stream) request_ended();
  if (!event::Deferred::linked()) thread_.loop.defer(*this);
}

void ClientConnection::request_ended() {
  request_ended_ = true;
  info_.last_tx = thread_.loop.now();
}

void ClientConnection::send_body(Buffer& body, bool end_stream) {
  http::write_body(framing_, body, end_stream, out_);
  if (end_stream) request_ended();
  if (out_.size() >= kFlushAtBytes)
    flush();
  else if (!event::Deferred::linked())
    thread_.loop.defer(*this);
  if (state_ == State::open) check_watermarks();
}

void ClientConnection::send_trailers(const http::HeaderMap& trailers) {
  const auto& o = cluster_.config->http1;
  http::write_trailers(framing_, trailers, {o.header_case, o.enable_trailers, {}}, out_);
  request_ended();
  if (!event::Deferred::linked()) thread_.loop.defer(*this);
}

void ClientConnection::flush() {
  if (state_ != State::open || out_.empty()) return;
  const auto r = transport_->write(out_);
  if (r.bytes > 0) {
    sent_any_ = true;
    info_.wire_bytes_sent += r.bytes;
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_tx_bytes_total, r.bytes);
  }
  if (r.status == net::IoStatus::reset) {
    // The answer may be there already: the read side tells how it ended.
    out_.clear();
    readable_ = true;
    if (!in_read_loop_) read_loop();
    return;
  }
  check_watermarks();
}

void ClientConnection::check_watermarks() {
  const std::size_t high = cluster_.config->buffer_bytes_max;
  if (high == 0 || events_ == nullptr) return;
  if (!above_ && out_.size() > high) {
    above_ = true;
    events_->on_above_high_watermark();
  } else if (above_ && out_.size() <= high / 2) {
    above_ = false;
    events_->on_below_low_watermark();
  }
}

void ClientConnection::on_writable() {
  if (!out_.empty()) flush();
}

// ---- the response

void ClientConnection::on_readable() {
  readable_ = true;
  if (!in_read_loop_) read_loop();
}

void ClientConnection::read_loop() {
  in_read_loop_ = true;
  for (unsigned reads = 0; readable_ && state_ == State::open && pauses_ == 0; ++reads) {
    if (reads == kReadsPerTurn) {
      readable_ = false;
      transport_->rearm();
      break;
    }
    const auto r = transport_->read(in_, kReadBytes);
    if (r.status == net::IoStatus::ok) {
      if (r.drained) readable_ = false;
      thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_rx_bytes_total, r.bytes);
      info_.wire_bytes_received += r.bytes;
      if (events_ == nullptr) {  // nobody asked
        in_.clear();
        thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_protocol_error);
        in_read_loop_ = false;
        return close();
      }
      codec_.feed(in_, *this);
      if (state_ == State::open && events_ == nullptr && !in_.empty()) {
        in_read_loop_ = false;
        return close();
      }
    } else {
      readable_ = false;
      if (r.status == net::IoStatus::would_block) break;
      in_read_loop_ = false;
      return on_peer_closed(r.status == net::IoStatus::reset);
    }
  }
  in_read_loop_ = false;
  if (in_.empty()) in_.trim();
}

void ClientConnection::read_disable(bool disable) {
  if (disable) {
    ++pauses_;
    return;
  }
  if (pauses_ == 0 || --pauses_ > 0 || !readable_) return;
  readable_ = false;
  transport_->rearm();
}

/// The request is over: counters, and the receiver it had.
ClientStreamEvents* ClientConnection::detach() {
  auto* e = std::exchange(events_, nullptr);
  if (e == nullptr) return nullptr;
  auto& cells = thread_.cells;
  cells.dec(cluster_.stats, ClusterStat::upstream_rq_active);
  host_.stats().rq_active.fetch_sub(1, std::memory_order_relaxed);
  --host_.active_requests;
  arena_ = nullptr;
  above_ = false;
  pauses_ = 0;
  owner_.on_request_done(*this);
  return e;
}

void ClientConnection::on_informational(http::ResponseHead& head) { events_->on_informational(head); }

void ClientConnection::on_response_head(http::ResponseHead& head, bool end_stream) {
  if (!codec_.keep_alive() && http::list_has(head.headers.get(http::Name::connection), "close"))
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_close_notify);
  if (!end_stream) return events_->on_head(head, false);
  const bool reusable = codec_.keep_alive() && request_ended_ && out_.empty();
  auto* e = detach();
  e->on_head(head, true);
  if (state_ != State::open) return;
  if (reusable && !close_when_idle)
    owner_.on_reusable(*this);
  else
    close();
}

void ClientConnection::on_response_body(Buffer& body, bool end_stream) {
  if (events_ == nullptr) return body.clear();
  if (!end_stream) return events_->on_body(body, false);
  const bool reusable = codec_.keep_alive() && request_ended_ && out_.empty();
  auto* e = detach();
  e->on_body(body, true);
  if (state_ != State::open) return;
  if (reusable && !close_when_idle)
    owner_.on_reusable(*this);
  else
    close();
}

void ClientConnection::on_response_trailers(http::HeaderMap& trailers) {
  const bool reusable = codec_.keep_alive() && request_ended_ && out_.empty();
  auto* e = detach();
  if (e != nullptr) e->on_trailers(trailers);
  if (state_ != State::open) return;
  if (reusable && !close_when_idle)
    owner_.on_reusable(*this);
  else
    close();
}

void ClientConnection::on_codec_error(const http::H1Error&) {
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_protocol_error);
  fail(ResetReason::protocol_error, "");
}

void ClientConnection::fail(ResetReason reason, std::string_view detail) {
  const bool had = events_ != nullptr;
  if (had) {
    auto& cells = thread_.cells;
    cells.add(cluster_.stats, ClusterStat::upstream_cx_destroy_with_active_rq);
    cells.add(cluster_.stats, reason == ResetReason::protocol_error ? ClusterStat::upstream_cx_destroy_local_with_active_rq
                                                                    : ClusterStat::upstream_cx_destroy_remote_with_active_rq);
  }
  auto* e = detach();
  close(reason == ResetReason::protocol_error);
  if (e != nullptr) e->on_reset(reason, detail);
}

void ClientConnection::on_peer_closed(bool reset) {
  if (state_ != State::open) return;
  if (events_ == nullptr) return close(false);
  if (!reset && codec_.feed_eof(*this)) {  // the end of a body delimited by the close
    if (state_ == State::open) close(false);
    return;
  }
  // A message cut short is a framing error, as Envoy sees it.
  const bool cut = codec_.head_seen() || !in_.empty();
  if (cut) thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_protocol_error);
  fail(cut ? ResetReason::protocol_error : ResetReason::connection_termination, "");
}

void ClientConnection::cancel() {
  if (events_ == nullptr) return;
  auto& cells = thread_.cells;
  cells.add(cluster_.stats, ClusterStat::upstream_rq_tx_reset);
  cells.add(cluster_.stats, ClusterStat::upstream_cx_destroy_with_active_rq);
  cells.add(cluster_.stats, ClusterStat::upstream_cx_destroy_local_with_active_rq);
  detach();
  close();
}

// ---- the connection's end

void ClientConnection::close(bool local) {
  if (state_ == State::closed) return;
  const bool was_connecting = state_ == State::connecting;
  state_ = State::closed;
  codec_.stop();
  in_.clear();
  out_.clear();
  transport_->close();
  idle_.cancel();
  connect_timeout_.cancel();
  max_duration_.cancel();
  auto& cells = thread_.cells;
  if (!was_connecting) {
    cells.add(cluster_.stats, ClusterStat::upstream_cx_destroy);
    cells.add(cluster_.stats, local ? ClusterStat::upstream_cx_destroy_local : ClusterStat::upstream_cx_destroy_remote);
    const auto ms = (thread_.loop.now() - started_).count() / 1000;
    cells.record(cluster_.stats, ClusterStat::upstream_cx_length_ms, static_cast<std::uint64_t>(ms));
    cells.record(cluster_.stats, ClusterStat::upstream_rq_per_cx, requests_);
  }
  owner_.on_closed(*this, std::nullopt, "");
}

void ClientConnection::on_idle() {
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_idle_timeout);
  close();
}

void ClientConnection::on_max_duration() {
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_max_duration_reached);
  close_when_idle = true;
  if (events_ == nullptr) close();
}

void ClientConnection::wait_idle() {
  if (cluster_.config->idle_timeout) idle_.arm(*cluster_.config->idle_timeout);
}

}  // namespace outrigger::upstream
