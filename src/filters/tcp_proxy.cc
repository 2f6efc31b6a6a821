#include "filters/tcp_proxy.h"

#include <xxhash.h>
#include <algorithm>
#include "proxy/hcm/connection_log.h"

namespace outrigger::filters {

using http::Flag;
using net::IoStatus;
using stats::ClusterStat;
using stats::TcpStat;

namespace {

constexpr unsigned kReadsPerTurn = 64;

class TcpProxy;

/// One of the two sockets: what was read from it waits in `in` until the other side takes it.
struct Side final : net::TransportEvents {
  TcpProxy* owner = nullptr;
  net::Transport* transport = nullptr;
  Buffer in;
  net::ReadSize read_size;
  bool readable = false, eof = false, shut = false;  // shut: we sent FIN on it
  void on_readable() override;
  void on_writable() override;
};

class TcpProxy final : public net::Connection, private upstream::TcpWaiter {
 public:
  TcpProxy(hcm::Worker& worker, std::shared_ptr<const TcpProxyConfig> config, std::unique_ptr<net::Transport> transport,
           http::ConnectionInfo info, const hcm::ListenerContext& listener, net::ConnectionOwner& owner)
      : worker_(worker),
        config_(std::move(config)),
        transport_(std::move(transport)),
        info_(std::move(info)),
        listener_(listener),
        owner_(owner),
        idle_(worker.thread.loop.timers(), *this),
        limit_(worker.thread.loop.timers(), *this) {}
  void start() override;
  TimePoint started_at() const noexcept override { return info_.start; }
  void close_now() override { finish(Why::closed_here); }

 private:
  friend struct Side;
  void connect();
  void dial_once();
  void on_tcp_ready(std::unique_ptr<upstream::TcpLease> lease) override;
  void on_tcp_failure(upstream::PoolFailure why, std::string_view detail, upstream::Host* host) override;
  void pump(Side& from, Side& to);
  bool write_out(Side& from, Side& to);
  void maybe_done();
  http::UpstreamInfo& describe(upstream::Host& host);
  enum class Why : std::uint8_t { closed_here, both_ended, client_reset, upstream_reset };
  void finish(Why why);
  void fail(Flag flag, std::string_view reason);
  void on_idle();
  void on_limit();
  void touch() {
    if (config_->idle_timeout) idle_.arm(*config_->idle_timeout);
  }
  void log();

  hcm::Worker& worker_;
  std::shared_ptr<const TcpProxyConfig> config_;
  std::unique_ptr<net::Transport> transport_;
  http::ConnectionInfo info_;
  hcm::ListenerContext listener_;
  net::ConnectionOwner& owner_;
  http::StreamInfo stream_;
  upstream::Cluster* cluster_ = nullptr;
  std::unique_ptr<upstream::TcpAttempt> attempt_;
  std::unique_ptr<upstream::TcpLease> lease_;
  Side down_, up_;
  std::string failure_;  // of the last attempt that failed
  bool closed_ = false, dialing_ = false, again_ = false, flushing_ = false;
  event::Alarm<TcpProxy, &TcpProxy::on_idle> idle_;
  event::Alarm<TcpProxy, &TcpProxy::on_limit> limit_;
};

void Side::on_readable() {
  readable = true;
  Side& other = this == &owner->down_ ? owner->up_ : owner->down_;
  owner->pump(*this, other);
}

void Side::on_writable() {
  Side& other = this == &owner->down_ ? owner->up_ : owner->down_;
  if (!other.in.empty() || other.readable) owner->pump(other, *this);
}

void TcpProxy::start() {
  auto& cells = worker_.thread.cells;
  cells.add(config_->stats, TcpStat::downstream_cx_total);
  cells.gauge_add(config_->stats, TcpStat::downstream_cx_rx_bytes_buffered, 0);  // listed as used
  stream_.connection = &info_;
  stream_.has_protocol = false;
  stream_.upstream.emplace();
  stream_.start = worker_.thread.loop.now();
  stream_.start_wall = worker_.thread.loop.wall();
  down_.owner = up_.owner = this;
  down_.transport = transport_.get();
  if (config_->max_connection_duration) limit_.arm(*config_->max_connection_duration);
  transport_->start(down_);
  std::string_view name = config_->cluster;
  if (!config_->weights.empty()) {
    std::uint64_t at = worker_.thread.random.below(config_->total_weight);
    for (const auto& w : config_->weights) {
      name = w.cluster;
      if (at < w.weight) break;
      at -= w.weight;
    }
  }
  cluster_ = worker_.clusters.find(name);
  if (cluster_ == nullptr) {
    cells.add(config_->stats, TcpStat::downstream_cx_no_route);
    return fail(Flag::no_cluster_found, "tcp_initializion_failure:3");
  }
  const auto& c = cluster_->config();
  stream_.set_cluster(c.name, c.observability_name, c.metadata);
  connect();
}

/// Tries hosts until one answers later or none is left: a dial may fail before it returns.
void TcpProxy::connect() {
  dialing_ = true;
  do {
    again_ = false;
    dial_once();
  } while (again_ && !closed_);
  dialing_ = false;
}

void TcpProxy::dial_once() {
  if (stream_.attempt_count >= config_->connect_attempts_max) {
    worker_.thread.cells.add(cluster_->stats(), ClusterStat::upstream_cx_connect_attempts_exceeded);
    return fail(Flag::upstream_retry_limit_exceeded, "tcp_initializion_failure:0");
  }
  upstream::PickContext pick;
  if (info_.local_restored) pick.original_dst = &info_.local;
  const auto ip = info_.remote.ip_text();
  if (config_->hash_source_ip) pick.hash = XXH64(ip.data(), ip.size(), 0);
  upstream::Host* host = cluster_->pick(pick);
  if (host == nullptr) return fail(Flag::no_healthy_upstream, "tcp_initializion_failure:1");
  ++stream_.attempt_count;
  auto attempt = cluster_->connect(*host, *this);
  if (!closed_ && attempt != nullptr) attempt_ = std::move(attempt);
}

void TcpProxy::on_tcp_failure(upstream::PoolFailure why, std::string_view detail, upstream::Host* host) {
  if (closed_) return;
  if (why == upstream::PoolFailure::overflow) {
    stream_.attempt_count = 0;
    return fail(Flag::upstream_overflow, "tcp_initializion_failure:2");
  }
  if (host != nullptr) {
    failure_ = detail;
    std::replace(failure_.begin(), failure_.end(), ' ', '_');
    describe(*host);
  }
  stream_.flags.set(Flag::upstream_connection_failure);
  again_ = dialing_;
  if (!dialing_) connect();
}

http::UpstreamInfo& TcpProxy::describe(upstream::Host& host) {
  auto& up = stream_.upstream.emplace();
  host.describe(up);
  up.transport_failure_reason = failure_;
  return up;
}

void TcpProxy::on_tcp_ready(std::unique_ptr<upstream::TcpLease> lease) {
  lease_ = std::move(lease);
  up_.transport = &lease_->transport();
  auto& up = describe(lease_->host());
  up.local = up_.transport->local();
  up.connection_id = lease_->connection_id();
  up_.transport->start(up_);
  touch();
  if (!closed_) pump(down_, up_);
}

/// Reads and writes until one side can no more. Memory per direction stays below the listener's
/// limit: a full buffer stops the reads. Nothing is read from the client before the upstream is there.
void TcpProxy::pump(Side& from, Side& to) {
  if (closed_ || from.transport == nullptr || to.transport == nullptr) return;
  auto& cells = worker_.thread.cells;
  const bool down = &from == &down_;
  const std::size_t limit = listener_.buffer_bytes_max == 0 ? SIZE_MAX : listener_.buffer_bytes_max;
  for (unsigned reads = 0;; ++reads) {
    if (!from.in.empty() && !write_out(from, to)) {
      if (closed_) return;
      if (from.in.size() >= std::min<std::size_t>(limit, 256 * 1024)) break;
    }
    if (!from.readable || from.eof) break;
    if (reads == kReadsPerTurn) {
      from.readable = false;
      from.transport->rearm();
      break;
    }
    const std::size_t ask = from.read_size.next(limit);
    const auto r = from.transport->read(from.in, ask);
    if (r.status == IoStatus::ok) {
      from.read_size.on_read(ask, r.bytes);
      touch();
      cells.add(config_->stats, down ? TcpStat::downstream_cx_rx_bytes_total : TcpStat::downstream_cx_tx_bytes_total, r.bytes);
      if (cluster_ != nullptr)
        cells.add(cluster_->stats(), down ? ClusterStat::upstream_cx_tx_bytes_total : ClusterStat::upstream_cx_rx_bytes_total,
                  r.bytes);
      (down ? stream_.bytes_received : stream_.bytes_sent) += r.bytes;
      if (r.drained) from.readable = false;
      continue;
    }
    from.readable = false;
    if (r.status == IoStatus::reset) return finish(down ? Why::client_reset : Why::upstream_reset);
    if (r.status == IoStatus::would_block) break;
    from.eof = true;
    // Of two ends the later one counts as the close.
    if (!down && down_.eof) lease_->closed_by_remote();
  }
  maybe_done();
}

/// False: the other side takes no more now.
bool TcpProxy::write_out(Side& from, Side& to) {
  const auto r = to.transport->write(from.in);
  if (r.status == IoStatus::reset) {
    finish(&to == &up_ ? Why::upstream_reset : Why::client_reset);
    return false;
  }
  if (r.bytes > 0) touch();
  return from.in.empty();
}

/// Half-close: an end of one direction is passed on when its bytes are out.
void TcpProxy::maybe_done() {
  if (closed_) return;
  if (down_.eof && down_.in.empty() && up_.transport != nullptr && !up_.shut) {
    up_.shut = true;
    up_.transport->shutdown_write();
  }
  if (up_.eof && up_.in.empty() && !down_.shut) {
    down_.shut = true;
    down_.transport->shutdown_write();
  }
  if (down_.eof && up_.eof && down_.in.empty() && up_.in.empty()) return finish(Why::both_ended);
  if (down_.eof && down_.shut && !flushing_) {  // the client is gone, its last bytes are still to be sent
    flushing_ = true;
    worker_.thread.cells.add(config_->stats, TcpStat::upstream_flush_total);
    worker_.thread.cells.inc(config_->stats, TcpStat::upstream_flush_active);
  }
}

void TcpProxy::fail(Flag flag, std::string_view reason) {
  stream_.flags.set(flag);
  info_.local_close_reason = reason;
  finish(Why::closed_here);
}

void TcpProxy::on_idle() {
  worker_.thread.cells.add(config_->stats, TcpStat::idle_timeout);
  info_.local_close_reason = "tcp_session_idle_timeout";
  finish(Why::closed_here);
}
void TcpProxy::on_limit() {
  worker_.thread.cells.add(config_->stats, TcpStat::max_downstream_connection_duration);
  fail(Flag::duration_timeout, "max_connection_duration_reached");
}

/// A reset of one side is passed on as a reset of the other.
void TcpProxy::finish(Why why) {
  if (closed_) return;
  closed_ = true;
  idle_.cancel();
  limit_.cancel();
  if (flushing_) worker_.thread.cells.dec(config_->stats, TcpStat::upstream_flush_active);
  attempt_.reset();
  if (why == Why::upstream_reset) {
    stream_.flags.set(Flag::upstream_remote_reset);
    info_.close_type = http::CloseType::local_reset;
    stream_.upstream->close_type = http::CloseType::remote_reset;
    lease_->closed_by_remote();
    transport_->close_reset();
  }
  if (why == Why::client_reset) {
    info_.close_type = http::CloseType::remote_reset;
    if (up_.transport != nullptr) up_.transport->close_reset();
  }
  if (why == Why::closed_here && lease_ != nullptr) stream_.upstream->local_close_reason = info_.local_close_reason;
  transport_->close();
  info_.transport_failure_reason = transport_->failure_reason();
  if (info_.termination_details.empty()) info_.termination_details = transport_->termination_details();
  log();
  lease_.reset();
  owner_.on_connection_closed(*this);
}

void TcpProxy::log() {
  stream_.bytes.wire_received = stream_.upstream_bytes.wire_sent = stream_.bytes_received;
  stream_.bytes.wire_sent = stream_.upstream_bytes.wire_received = stream_.bytes_sent;
  hcm::log_connection(config_->access_logs, accesslog::LogType::tcp_connection_end, stream_, worker_);
  if (listener_.access_logs != nullptr)
    hcm::log_connection(*listener_.access_logs, accesslog::LogType::not_set, stream_, worker_);
}

}  // namespace

std::unique_ptr<net::Connection> TcpProxyFactory::make(hcm::Worker& worker, std::unique_ptr<net::Transport> transport,
                                                       http::ConnectionInfo info, const hcm::ListenerContext& listener,
                                                       net::ConnectionOwner& owner) const {
  return std::make_unique<TcpProxy>(worker, config_, std::move(transport), std::move(info), listener, owner);
}

}  // namespace outrigger::filters
