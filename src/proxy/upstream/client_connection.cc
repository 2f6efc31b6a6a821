#include "proxy/upstream/client_connection.h"

#include <cstring>
#include <utility>
#include "proxy/upstream/h1_client.h"
#include "proxy/upstream/h2_client.h"
#include "proxy/upstream/tcp_dialer.h"

namespace outrigger::upstream {

using stats::ClusterStat;

namespace {
constexpr std::size_t kFlushAtBytes = 64 * 1024;
}  // namespace

ClientConnection::ClientConnection(runtime::ThreadContext& thread, ClusterShared& cluster, Host& host,
                                   ClientConnectionOwner& owner, std::unique_ptr<net::Transport> transport, PoolKind kind)
    : thread_(thread),
      cluster_(cluster),
      host_(host),
      owner_(owner),
      transport_(std::move(transport)),
      id_(next_upstream_connection_id()),
      kind_(kind),
      idle_(thread.loop.timers(), *this),
      connect_timeout_(thread.loop.timers(), *this),
      max_duration_(thread.loop.timers(), *this) {}

ClientConnection::~ClientConnection() = default;

void ClientConnection::describe(http::UpstreamInfo& info) const {
  host_.describe(info);
  host_.describe_connection(info, *transport_);
  info.connection_id = id_;
  info.connect_start = started_;
  info.connect_end = connected_at_;
  info.tls = transport_->tls();
}

// ---- connecting

void ClientConnection::start() {
  auto& cells = thread_.cells;
  cells.add(cluster_.stats, ClusterStat::upstream_cx_total);
  cells.inc(cluster_.stats, ClusterStat::upstream_cx_active);
  cluster_.mark_circuit_used(cells);
  if (kind_ == PoolKind::http1) cells.add(cluster_.stats, ClusterStat::upstream_cx_http1_total);
  if (kind_ == PoolKind::http2) {
    cells.add(cluster_.stats, ClusterStat::upstream_cx_http2_total);
    cells.add(cluster_.http2_stats, stats::Http2Stat::nghttp2_upstream_connections);
  }
  host_.counters().cx_total.fetch_add(1, std::memory_order_relaxed);
  host_.counters().cx_active.fetch_add(1, std::memory_order_relaxed);
  started_ = thread_.loop.now();
  connect_timeout_.arm(cluster_.config->connect_timeout);
  transport_->start(*this);
}

void ClientConnection::choose_protocol() {
  const bool http2 = kind_ == PoolKind::http2 || (kind_ == PoolKind::negotiated && transport_->alpn() == "h2");
  if (http2)
    protocol_ = std::make_unique<H2Client>(*this);
  else
    protocol_ = std::make_unique<H1Client>(*this);
  if (kind_ != PoolKind::negotiated) return;
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_total);  // Envoy counts such connections twice
  thread_.cells.add(cluster_.stats, http2 ? ClusterStat::upstream_cx_http2_total : ClusterStat::upstream_cx_http1_total);
  if (http2) thread_.cells.add(cluster_.http2_stats, stats::Http2Stat::nghttp2_upstream_connections);
}

void ClientConnection::on_connected() {
  if (state_ != State::connecting) return;
  state_ = State::open;
  connected_ = true;
  connect_timeout_.cancel();
  connected_at_ = thread_.loop.now();
  cluster_.mark_requests_used(thread_.cells);
  choose_protocol();
  const auto ms = (connected_at_ - started_).count() / 1000;
  thread_.cells.record(cluster_.stats, ClusterStat::upstream_cx_connect_ms, static_cast<std::uint64_t>(ms));
  if (cluster_.config->max_connection_duration) max_duration_.arm(*cluster_.config->max_connection_duration);
  owner_.on_connected(*this);
}

void ClientConnection::give_up_connecting(PoolFailure why, std::string_view detail) {
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_connect_fail);
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_destroy);
  thread_.cells.add(cluster_.stats, why == PoolFailure::connect_timeout ? ClusterStat::upstream_cx_destroy_local
                                                                        : ClusterStat::upstream_cx_destroy_remote);
  host_.counters().cx_connect_fail.fetch_add(1, std::memory_order_relaxed);
  state_ = State::closed;
  transport_->close();
  connect_timeout_.cancel();
  owner_.on_closed(*this, why, detail);
}

void ClientConnection::on_connect_failed(int error) {
  thread_local std::string detail;
  detail = error == 0 ? std::string(transport_->failure_reason()) : std::string("delayed connect error: ") + std::strerror(error);
  give_up_connecting(PoolFailure::connect_failed, detail);
}

void ClientConnection::on_connect_timeout() {
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_connect_timeout);
  give_up_connecting(PoolFailure::connect_timeout, "");
}

// ---- requests

void ClientConnection::attach(PoolWaiter& w) {
  idle_.cancel();
  ++requests_;
  protocol_->attach(w);
}

void ClientConnection::count_stream_start() {
  auto& cells = thread_.cells;
  cells.add(cluster_.stats, ClusterStat::upstream_rq_total);
  cells.inc(cluster_.stats, ClusterStat::upstream_rq_active);
  host_.counters().rq_total.fetch_add(1, std::memory_order_relaxed);
  host_.counters().rq_active.fetch_add(1, std::memory_order_relaxed);
  ++host_.active_requests;
}

void ClientConnection::count_stream_end() {
  thread_.cells.dec(cluster_.stats, ClusterStat::upstream_rq_active);
  host_.counters().rq_active.fetch_sub(1, std::memory_order_relaxed);
  --host_.active_requests;
  owner_.on_request_done();
}

void ClientConnection::release(bool reusable) {
  if (state_ != State::open) return;
  const bool last = protocol_->active() == 0;
  if (last && (!reusable || draining)) return close();
  if (!reusable || draining) return;
  owner_.on_reusable(*this);
}

// ---- writing

void ClientConnection::schedule_flush() {
  if (!event::Deferred::linked()) thread_.loop.defer(*this);
}

void ClientConnection::on_output() {
  if (out_.size() >= kFlushAtBytes)
    flush();
  else
    schedule_flush();
  if (state_ == State::open) check_watermarks();
}

void ClientConnection::flush() {
  do {
    if (state_ != State::open) return;
    protocol_->fill_output();
    if (state_ != State::open || out_.empty()) return;
    const auto r = transport_->write(out_);
    if (r.bytes > 0) {
      protocol_->on_bytes_sent(r.bytes);
      thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_tx_bytes_total, r.bytes);
    }
    if (r.status == net::IoStatus::reset) {
      // The answer may be there already: the read side tells how it ended.
      out_.clear();
      return on_readable();
    }
  } while (out_.empty() && protocol_->has_more());
  check_watermarks();
}

void ClientConnection::check_watermarks() {
  const std::size_t high = cluster_.config->buffer_bytes_max;
  if (high == 0) return;
  if (!above_ && out_.size() > high) {
    above_ = true;
    protocol_->on_output_above();
  } else if (above_ && out_.size() <= high / 2) {
    above_ = false;
    protocol_->on_output_below();
  }
}

void ClientConnection::on_writable() {
  if (!out_.empty()) run_deferred();
}

void ClientConnection::run_deferred() {
  flush();
  if (end_behind_output_ && state_ == State::open && out_.empty()) protocol_->on_peer_closed(false);
}

// ---- reading

void ClientConnection::on_readable() {
  reads_.set_readable();
  if (!reads_.running()) read_loop();
}

void ClientConnection::read_loop() {
  const auto wants = [this] { return state_ == State::open && protocol_->wants_bytes(); };
  const auto take = [this](std::size_t bytes) {
    thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_rx_bytes_total, bytes);
    protocol_->on_bytes_received(bytes);
    protocol_->feed(in_);
  };
  const auto end = reads_.run(*transport_, in_, cluster_.config->buffer_bytes_max, wants, take);
  if (end != net::IoStatus::would_block) protocol_->on_peer_closed(end == net::IoStatus::reset);
}

void ClientConnection::resume_reading() { reads_.resume(*transport_); }

// ---- the connection's end

void ClientConnection::close(bool local) {
  if (state_ == State::closed) return;
  const bool was_connecting = state_ == State::connecting;
  state_ = State::closed;
  if (protocol_ != nullptr) protocol_->stop();
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

void ClientConnection::abandon() {
  if (busy()) protocol_->on_peer_closed(true);
  close();
}

void ClientConnection::wait_idle() {
  if (cluster_.config->idle_timeout) idle_.arm(*cluster_.config->idle_timeout);
}

void ClientConnection::on_idle() {
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_idle_timeout);
  close();
}

void ClientConnection::on_max_duration() {
  thread_.cells.add(cluster_.stats, ClusterStat::upstream_cx_max_duration_reached);
  draining = true;
  if (!busy()) close();
}

}  // namespace outrigger::upstream
