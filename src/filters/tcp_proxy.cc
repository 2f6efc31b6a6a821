#include "filters/tcp_proxy.h"

#include <algorithm>
#include "proxy/base/numbers.h"
#include "proxy/base/parking.h"
#include "proxy/hcm/connection_log.h"
#include "proxy/http/connection_facts.h"
#include "proxy/net/read_loop.h"
#include "proxy/upstream/override_hosts.h"

namespace outrigger::filters {

namespace key = http::state_key;
using http::Flag;
using net::IoStatus;
using stats::ClusterStat;
using stats::TcpOnDemandStat;
using stats::TcpStat;

namespace {

constexpr unsigned kReadsPerTurn = 64;
constexpr std::uint64_t kIdleMsMax = 1ull << 40;

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

class TcpProxy final : public net::Connection, private upstream::TcpWaiter, private Parked {
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
        limit_(worker.thread.loop.timers(), *this),
        retry_(worker.thread.loop.timers(), *this),
        flush_log_(worker.thread.loop.timers(), *this),
        high_watermark_(worker.thread.loop.timers(), *this) {}
  void start() override;
  TimePoint started_at() const noexcept override { return info_.start; }
  void close_now() override { finish(Why::closed_here); }

 private:
  friend struct Side;
  void connect();
  bool connect_is_due() const noexcept;
  void begin_connect();
  bool ask_for_cluster();
  void on_arrival(Arrival a) override;
  void use_cluster();
  void read_early();
  void read_state();
  std::string_view choose_cluster();
  void note_handshake() { info_.note_handshake(worker_.thread.loop.now(), worker_.thread.loop.wall()); }
  /// From the client: filters may wait for the first bytes, or the end.
  void note_read(const net::IoResult& r) {
    if (r.status != IoStatus::ok && r.status != IoStatus::eof) return;
    info_.note_data(worker_.thread.loop.now(), worker_.thread.loop.wall(), r.bytes);
  }
  bool stopped();
  void on_released();
  void dial_once();
  bool wait_to_retry();
  void on_tcp_ready(std::unique_ptr<upstream::TcpLease> lease) override;
  void on_tcp_failure(upstream::PoolFailure why, std::string_view detail, upstream::Host* host) override;
  void on_tcp_host_failed() override;
  void pump(Side& from, Side& to);
  bool write_out(Side& from, Side& to);
  void maybe_done();
  http::UpstreamInfo& describe(upstream::Host& host);
  enum class Why : std::uint8_t { closed_here, both_ended, client_reset, upstream_reset };
  void finish(Why why);
  void fail(Flag flag, std::string_view reason);
  void on_idle();
  void on_limit();
  void on_retry() { connect(); }
  void on_flush_log();
  void on_high_watermark_timeout();
  void check_watermark();
  bool drain_close();
  void touch() {
    if (idle_timeout_) idle_.arm(*idle_timeout_);
  }
  void count_upstream_bytes(ClusterStat stat, std::uint64_t bytes) {
    if (tunnel_config_ == nullptr)
      worker_.thread.cells.add(host_cluster_->stats, stat, bytes);  // else the HTTP connection counts its own
  }
  void log_moment(accesslog::LogType type);
  void log();

  hcm::Worker& worker_;
  std::shared_ptr<const TcpProxyConfig> config_;
  std::unique_ptr<net::Transport> transport_;
  http::ConnectionInfo info_;
  hcm::ListenerContext listener_;
  net::ConnectionOwner& owner_;
  http::StreamInfo stream_;
  std::string cluster_name_;
  const MetadataValue* subset_ = nullptr;  // of the config; null: any host
  std::optional<Duration> idle_timeout_;
  const TunnelConfig* tunnel_config_ = nullptr;  // null: it speaks to the host itself
  upstream::ClusterRef cluster_;
  std::unique_ptr<upstream::TcpAttempt> attempt_;
  std::unique_ptr<upstream::TcpLease> lease_;
  upstream::NamedHosts named_hosts_;
  upstream::Host* asked_ = nullptr;                        // by the last attempt
  const upstream::ClusterShared* host_cluster_ = nullptr;  // of the connection's host, once there was one
  TunnelFacts tunnel_;
  Side down_, up_;
  std::string failure_;  // of the last attempt that failed
  Duration retry_after_{};
  bool closed_ = false, dialing_ = false, again_ = false, flushing_ = false;
  bool connecting_ = false;  // the first attempt was made
  bool draining_ = false;    // ends as soon as the client has what waits for it
  event::Alarm<TcpProxy, &TcpProxy::on_idle> idle_;
  event::Alarm<TcpProxy, &TcpProxy::on_limit> limit_;
  event::Alarm<TcpProxy, &TcpProxy::on_retry> retry_;
  event::Alarm<TcpProxy, &TcpProxy::on_flush_log> flush_log_;
  event::Alarm<TcpProxy, &TcpProxy::on_high_watermark_timeout> high_watermark_;
};

void Side::on_readable() {
  readable = true;
  if (this == &owner->down_ && owner->up_.transport == nullptr) return owner->read_early();
  Side& other = this == &owner->down_ ? owner->up_ : owner->down_;
  owner->pump(*this, other);
}

void Side::on_writable() {
  if (this == &owner->down_) owner->note_handshake();
  if (this == &owner->down_ && owner->up_.transport == nullptr) return owner->begin_connect();  // after a handshake
  Side& other = this == &owner->down_ ? owner->up_ : owner->down_;
  if (!other.in.empty() || other.readable) owner->pump(other, *this);
}

void TcpProxy::start() {
  auto& cells = worker_.thread.cells;
  cells.add(config_->stats, TcpStat::downstream_cx_total);
  cells.gauge_add(config_->stats, TcpStat::downstream_cx_rx_bytes_buffered, 0);  // listed as used
  stream_.connection = &info_;
  stream_.has_protocol = false;
  stream_.filter_state.parent = &info_.filter_state;
  downstream = &info_;
  state = &info_.filter_state;
  read_state();
  stream_.upstream.emplace();
  stream_.start = worker_.thread.loop.now();
  stream_.start_wall = worker_.thread.loop.wall();
  down_.owner = up_.owner = this;
  down_.transport = transport_.get();
  if (const auto& limit = config_->max_connection_duration)
    limit_.arm(jittered(*limit, config_->max_connection_duration_jitter, worker_.thread.random));
  if (config_->log_flush_interval) flush_log_.arm(*config_->log_flush_interval);
  if (config_->log_on_start) log_moment(accesslog::LogType::tcp_connection_start);
  touch();
  transport_->start(down_);
  begin_connect();
}

bool TcpProxy::connect_is_due() const noexcept {
  switch (config_->connect) {
    case TcpProxyConfig::at_once: return true;
    case TcpProxyConfig::on_data: return !down_.in.empty() && !info_.held();
    case TcpProxyConfig::on_tls_handshake: return info_.tls == nullptr || info_.tls->handshake_complete();
  }
  return true;
}

/// By filters: what the client has sent goes no further, for now or for ever.
bool TcpProxy::stopped() {
  const auto gate = info_.gate([this] { on_released(); });
  if (gate == http::Gate::denied) finish(Why::closed_here);
  return gate != http::Gate::open;
}

void TcpProxy::on_released() {
  if (closed_) return;
  info_.note_data(worker_.thread.loop.now(), worker_.thread.loop.wall(), stream_.bytes_received);
  if (info_.facts().denied) net::discard_unread(*transport_, down_.in);
  if (stopped()) return;
  if (up_.transport == nullptr) return read_early();
  count_upstream_bytes(ClusterStat::upstream_cx_tx_bytes_total, down_.in.size());
  pump(down_, up_);
}

/// What filters have decided so far.
void TcpProxy::read_state() {
  cluster_name_ = choose_cluster();
  const auto& set = info_.filter_state;
  if (const auto* idle = set.find(key::kIdleTimeout, http::StateKind::number))
    idle_timeout_ = std::chrono::milliseconds(std::min(to_number<std::uint64_t>(idle->value).value_or(0), kIdleMsMax));
  else
    idle_timeout_ = config_->idle_timeout;
  const auto* direct = set.find(key::kDisableTunneling, http::StateKind::flag);
  if (config_->tunnel && (direct == nullptr || direct->value != "true")) tunnel_config_ = &*config_->tunnel;
}

/// Decided when the connection begins, whenever its upstream is connected.
std::string_view TcpProxy::choose_cluster() {
  subset_ = config_->subset.get();
  if (const auto* chosen = info_.filter_state.find(key::kCluster, http::StateKind::cluster)) return chosen->value;
  std::string_view name = config_->cluster;
  if (config_->weights.empty()) return name;
  std::uint64_t at = worker_.thread.random.below(config_->total_weight);
  for (const auto& w : config_->weights) {
    name = w.cluster;
    subset_ = w.subset.get();
    if (at < w.weight) break;
    at -= w.weight;
  }
  return name;
}

/// When it is time: tries the hosts of the cluster.
void TcpProxy::begin_connect() {
  if (closed_ || connecting_ || !connect_is_due()) return;
  connecting_ = true;
  cluster_ = worker_.clusters.find(cluster_name_);
  if (cluster_ == nullptr && ask_for_cluster()) return;
  use_cluster();
}

/// True: the connection waits for it.
bool TcpProxy::ask_for_cluster() {
  if (config_->demand == nullptr) return false;
  worker_.thread.cells.add(config_->demand_stats, TcpOnDemandStat::on_demand_cluster_attempt);
  const auto place = worker_.awaited_clusters.park(cluster_name_, *this);
  if (place == Parking::Place::first) config_->demand->ask(cluster_name_, config_->patience);
  return place != Parking::Place::full;
}

void TcpProxy::on_arrival(Arrival a) {
  const auto count = [&](TcpOnDemandStat s) { worker_.thread.cells.add(config_->demand_stats, s); };
  if (a == Arrival::missing) count(TcpOnDemandStat::on_demand_cluster_missing);
  if (a == Arrival::late) count(TcpOnDemandStat::on_demand_cluster_timeout);
  cluster_ = worker_.clusters.find(cluster_name_);
  if (cluster_ != nullptr) count(TcpOnDemandStat::on_demand_cluster_success);
  use_cluster();
}

void TcpProxy::use_cluster() {
  if (cluster_ == nullptr) {
    worker_.thread.cells.add(config_->stats, TcpStat::downstream_cx_no_route);
    return fail(Flag::no_cluster_found, "tcp_initializion_failure:3");
  }
  const auto& c = cluster_->config();
  stream_.set_cluster(c.name, c.stat_name, c.metadata);
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

/// What the client sends before there is an upstream, up to a limit.
void TcpProxy::read_early() {
  if (closed_ || info_.held()) return;
  if (!config_->early_bytes_max) return begin_connect();
  auto& cells = worker_.thread.cells;
  bool any = false;
  if (down_.in.size() > *config_->early_bytes_max) return begin_connect();
  const std::size_t limit = listener_.buffer_bytes_max == 0 ? SIZE_MAX : listener_.buffer_bytes_max;
  while (down_.readable && !down_.eof && down_.in.size() < limit) {  // as Envoy: what is there, though it be more
    const auto r = down_.transport->read(down_.in, std::min<std::size_t>(Buffer::kBlockBytes, limit - down_.in.size()));
    if (stream_.bytes_received == 0) note_read(r);
    if (r.status == IoStatus::ok) {  // the idle clock runs on, as in Envoy
      cells.add(config_->stats, TcpStat::downstream_cx_rx_bytes_total, r.bytes);
      stream_.bytes_received += r.bytes;
      any = true;
      if (stopped()) return;
      if (!r.drained) continue;
    } else if (r.status == IoStatus::reset) {
      return finish(Why::client_reset);
    } else if (r.status == IoStatus::eof) {
      down_.eof = any = true;
      if (stopped()) return;
    }
    down_.readable = false;
  }
  if (any) cells.add(config_->stats, TcpStat::early_data_received_count_total);
  begin_connect();
}

/// True: the next attempt is made later.
bool TcpProxy::wait_to_retry() {
  if (!config_->backoff || stream_.attempt_count >= config_->connect_attempts_max) return false;
  retry_after_ = retry_after_.count() == 0 ? config_->backoff->base : std::min(retry_after_ * 2, config_->backoff->max);
  const auto ms = static_cast<std::uint64_t>(std::max<Duration::rep>(retry_after_.count() / 1000, 1));
  retry_.arm(std::chrono::milliseconds(worker_.thread.random.below(ms)));
  return true;
}

void TcpProxy::dial_once() {
  if (stream_.attempt_count >= config_->connect_attempts_max) {
    worker_.thread.cells.add(cluster_->stats(), ClusterStat::upstream_cx_connect_attempts_exceeded);
    return fail(Flag::upstream_retry_limit_exceeded, "tcp_initializion_failure:0");
  }
  upstream::PickContext pick;
  pick.follow(info_);
  pick.state = &info_.filter_state;
  pick.hash = hash_of(*config_, info_);
  pick.server_name = info_.requested_server_name;
  pick.subset = subset_;
  if (info_.found() != nullptr) pick.metadata[0] = info_.found()->dynamic_metadata.get();
  pick.named = &named_hosts_;
  upstream::Host* host = cluster_->pick(pick);
  if (host != nullptr && std::exchange(named_hosts_.asked, false))
    upstream::tell_selected(cluster_->config(), *host, info_.facts().dynamic_metadata);
  if (host == nullptr) return fail(Flag::no_healthy_upstream, "tcp_initializion_failure:1");
  if (tunnel_config_ != nullptr && !cluster_->admits_connection())
    return on_tcp_failure(upstream::PoolFailure::overflow, "", nullptr);
  ++stream_.attempt_count;
  asked_ = host;
  add_tlvs(*config_, info_, stream_);
  auto attempt = tunnel_config_ != nullptr
                     ? connect_tunnel(worker_.thread, *tunnel_config_, *cluster_, *host, stream_, info_, tunnel_, *this)
                     : cluster_->connect(*host, *this);
  if (!closed_ && attempt != nullptr) attempt_ = std::move(attempt);
}

void TcpProxy::on_tcp_failure(upstream::PoolFailure why, std::string_view detail, upstream::Host* host) {
  if (closed_) return;
  if (why == upstream::PoolFailure::overflow && host == nullptr) {
    stream_.attempt_count = 0;
    return fail(Flag::upstream_overflow, "tcp_initializion_failure:2");
  }
  if (host != nullptr && why != upstream::PoolFailure::overflow) {
    failure_ = detail;
    std::replace(failure_.begin(), failure_.end(), ' ', '_');
    describe(*host);
  }
  using upstream::PoolFailure;
  if (host != nullptr && why == PoolFailure::connect_failed) cluster_->see(*host, upstream::Sight::failed);
  if (host != nullptr && why == PoolFailure::connect_timeout) cluster_->see(*host, upstream::Sight::timeout);
  const bool here = why == PoolFailure::overflow || why == PoolFailure::local_failure || why == PoolFailure::no_pool;
  if (!here) stream_.flags.set(Flag::upstream_connection_failure);
  if (wait_to_retry()) return;
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
  host_cluster_ = &cluster_->owner_of(lease_->host());
  up_.transport = &lease_->transport();
  cluster_->see(lease_->host(), upstream::Sight::connected_only);
  auto& up = describe(lease_->host());
  lease_->host().describe_connection(up, *up_.transport);
  up.connection_id = lease_->connection_id();
  up.tls = up_.transport->tls();
  up_.transport->start(up_);
  touch();
  if (!down_.in.empty() && !info_.held()) count_upstream_bytes(ClusterStat::upstream_cx_tx_bytes_total, down_.in.size());
  if (config_->log_on_connected) log_moment(accesslog::LogType::tcp_upstream_connected);
  if (!closed_) pump(down_, up_);
}

/// The client gets what has come for it.
void TcpProxy::on_tcp_host_failed() {
  if (closed_) return;
  draining_ = true;
  up_.transport->close();
  if (up_.in.empty() || write_out(up_, down_)) finish(Why::closed_here);
}

/// Reads and writes until one side can no more. Memory per direction stays below the listener's
/// limit: a full buffer stops the reads. Nothing is read from the client before the upstream is there.
void TcpProxy::pump(Side& from, Side& to) {
  if (closed_ || from.transport == nullptr || to.transport == nullptr) return;
  if (draining_) {
    if (&from == &up_ && write_out(from, to)) finish(Why::closed_here);
    return;
  }
  auto& cells = worker_.thread.cells;
  const bool down = &from == &down_;
  if (down && info_.held()) return;
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
    if (down && stream_.bytes_received == 0) note_read(r);
    if (r.status == IoStatus::ok) {
      from.read_size.on_read(ask, r.bytes);
      touch();
      cells.add(config_->stats, down ? TcpStat::downstream_cx_rx_bytes_total : TcpStat::downstream_cx_tx_bytes_total, r.bytes);
      (down ? stream_.bytes_received : stream_.bytes_sent) += r.bytes;
      if (down && stopped()) return;
      if (r.drained) from.readable = false;
      const bool over = drain_close();
      if (!(over && down))  // as Envoy counts
        count_upstream_bytes(down ? ClusterStat::upstream_cx_tx_bytes_total : ClusterStat::upstream_cx_rx_bytes_total, r.bytes);
      if (over) return;
      continue;
    }
    from.readable = false;
    if (r.status == IoStatus::reset) return finish(down ? Why::client_reset : Why::upstream_reset);
    if (r.status == IoStatus::would_block) break;
    from.eof = true;
    if (down && stopped()) return;
    // Of two ends the later one counts as the close.
    if (!down && down_.eof) lease_->closed_by_remote();
    if (!down && lease_->over()) {
      draining_ = true;
      if (up_.in.empty()) return finish(Why::closed_here);
    }
  }
  if (!draining_) maybe_done();
}

/// The listener or the server drains: the connection ends when the client has what came for it. True: it is over.
bool TcpProxy::drain_close() {
  if (!config_->check_drain_close || draining_) return draining_;
  const auto asks = [&](const hcm::Drain* d) {
    return d != nullptr && d->close_now(worker_.thread.loop.now(), worker_.thread.random);
  };
  if (!asks(listener_.drain) && !asks(listener_.server_drain)) return false;
  worker_.thread.cells.add(config_->stats, TcpStat::downstream_cx_drain_close);
  info_.local_close_reason = "tcp_proxy_drain_close";
  draining_ = true;
  if (!down_.in.empty() && !write_out(down_, up_) && closed_) return true;
  if (up_.in.empty() || write_out(up_, down_)) finish(Why::closed_here);
  return true;
}

/// False: the other side takes no more now.
bool TcpProxy::write_out(Side& from, Side& to) {
  const auto r = to.transport->write(from.in);
  if (r.status == IoStatus::reset) {
    finish(&to == &up_ ? Why::upstream_reset : Why::client_reset);
    return false;
  }
  if (r.bytes > 0) touch();
  if (&to == &down_ && listener_.high_watermark_timeout) check_watermark();
  return from.in.empty();
}

/// Half-close: an end of one direction is passed on when its bytes are out.
void TcpProxy::maybe_done() {
  if (closed_) return;
  if (down_.eof && down_.in.empty() && !info_.held() && up_.transport != nullptr && !up_.shut) {
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
/// May the client take its time?
void TcpProxy::check_watermark() {
  const std::size_t high = listener_.buffer_bytes_max;
  if (up_.in.size() <= high / 2)
    high_watermark_.cancel();
  else if (up_.in.size() > high && !high_watermark_.armed())
    high_watermark_.arm(*listener_.high_watermark_timeout);
}
void TcpProxy::on_high_watermark_timeout() {
  info_.local_close_reason = "buffer_high_watermark_timeout_reached";
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
  leave();
  idle_.cancel();
  limit_.cancel();
  retry_.cancel();
  flush_log_.cancel();
  high_watermark_.cancel();
  if (flushing_) worker_.thread.cells.dec(config_->stats, TcpStat::upstream_flush_active);
  if (attempt_ != nullptr && attempt_->connected()) {
    describe(*asked_);
    stream_.flags.set(Flag::upstream_connection_failure);
  }
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
  if (lease_ != nullptr && tunnel_config_ != nullptr) lease_->transport().close();  // then its bytes are all known
  transport_->close();
  if (const auto why = transport_->failure_reason(); !why.empty()) info_.transport_failure_reason = why;
  if (info_.termination_details.empty()) info_.termination_details = transport_->termination_details();
  log();
  lease_.reset();
  owner_.on_connection_closed(*this);
}

void TcpProxy::log_moment(accesslog::LogType type) {
  stream_.bytes.wire_received = stream_.bytes_received;
  stream_.bytes.wire_sent = stream_.upstream_bytes.wire_received = stream_.bytes_sent;
  stream_.upstream_bytes.wire_sent = lease_ == nullptr ? 0 : stream_.bytes_received;
  if (tunnel_config_ != nullptr) {  // as Envoy: what goes through counts for both
    stream_.upstream_bytes.wire_sent += tunnel_.bytes.wire_sent;
    stream_.upstream_bytes.wire_received += tunnel_.bytes.wire_received;
  }
  hcm::log_connection(config_->access_logs, type, stream_, worker_);
}

void TcpProxy::on_flush_log() {
  log_moment(accesslog::LogType::tcp_periodic);
  flush_log_.arm(*config_->log_flush_interval);
}

void TcpProxy::log() {
  log_moment(accesslog::LogType::tcp_connection_end);
  if (listener_.access_logs != nullptr)
    hcm::log_connection(*listener_.access_logs, accesslog::LogType::not_set, stream_, worker_);
}

}  // namespace

std::unique_ptr<net::Connection> TcpProxyFactory::make(hcm::Worker& worker, std::unique_ptr<net::Transport> transport,
                                                       http::ConnectionInfo info, const hcm::ListenerContext& listener,
                                                       net::ConnectionOwner& owner) const {
  return std::make_unique<TcpProxy>(worker, config_, std::move(transport), std::move(info), listener, owner);
}

void TcpProxyFactory::on_refused(hcm::Worker& worker, http::StreamInfo& stream, bool) const {
  worker.thread.cells.add(config_->stats, TcpStat::downstream_cx_total);
  stream.upstream.emplace();
  hcm::log_connection(config_->access_logs, accesslog::LogType::tcp_connection_end, stream, worker);
}

}  // namespace outrigger::filters
