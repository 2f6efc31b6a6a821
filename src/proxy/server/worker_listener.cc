#include "proxy/server/worker_listener.h"

#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <unistd.h>
#include "proxy/hcm/connection_log.h"
#include "proxy/server/worker.h"

namespace outrigger::server {

using stats::ListenerStat;
using stats::ListenerWorkerStat;

WorkerListener::WorkerListener(hcm::Worker& worker, std::shared_ptr<ListenerShared> shared,
                               std::vector<std::shared_ptr<net::ListenSocket>> sockets, stats::BlockHandle worker_stats,
                               const hcm::Drain& server_drain)
    : worker_(worker), shared_(std::move(shared)), worker_stats_(worker_stats) {
  const auto& c = *shared_->config;
  context_ = {c.stats, c.buffer_bytes_max, &shared_->drain, &server_drain, &c.access_logs, c.high_watermark_timeout};
  net::AcceptEvents& self = *this;
  for (auto& s : sockets)
    acceptors_.push_back(std::make_unique<net::Acceptor>(worker_.thread.loop, std::move(s), self, c.accept_turn_max));
}

WorkerListener::~WorkerListener() { close_connections(); }

void WorkerListener::stop_accepting() { acceptors_.clear(); }

void WorkerListener::close_connections() {
  while (auto* c = connections_.front()) c->close_now();
}

void WorkerListener::drain_connections() {
  connections_.each([](net::Connection& c) { c.start_drain(); });
}

ListenerShared::Slot& ListenerShared::least_busy() noexcept {
  for (;;) {
    Slot* least = slots.front().get();
    std::uint64_t fewest = UINT64_MAX;
    for (auto& s : slots)
      if (const auto n = s->connections.load(std::memory_order_relaxed); n < fewest) fewest = n, least = s.get();
    if (least->connections.compare_exchange_weak(fewest, fewest + 1, std::memory_order_relaxed)) return *least;
  }
}

void WorkerListener::join(std::size_t worker, const std::vector<std::unique_ptr<WorkerListener>>& all) noexcept {
  siblings_ = &all;
  if (worker < shared_->slots.size()) slot_ = shared_->slots[worker].get();
}

/// Are there as many connections as the runtime allows, here or altogether?
bool WorkerListener::over_limit() {
  if (worker_.thread.runtime->layers().empty()) return false;
  const auto& c = *shared_->config;
  const auto* all = c.ignore_global_limit ? nullptr : shared_->all_connections;
  if (all != nullptr &&
      limit_reached(*all, "overload.global_downstream_max_connections", ListenerStat::downstream_global_cx_overflow))
    return true;
  return limit_reached(shared_->connections, c.connection_limit_key, ListenerStat::downstream_cx_overflow);
}

bool WorkerListener::limit_reached(const std::atomic<std::uint64_t>& now, std::string_view key, ListenerStat stat) {
  if (now.load(std::memory_order_relaxed) < worker_.thread.runtime->integer(key, UINT64_MAX)) return false;
  worker_.thread.cells.add(shared_->config->stats, stat);
  return true;
}

// ---- where a connection is served

namespace {
/// Where it went before iptables sent it here. A transparent socket has that address as its own.
void restore_destination(net::Accepted& a) {
  sockaddr_storage sa{};
  socklen_t n = sizeof sa;
  const bool v4 = a.local.is_v4();
  if (getsockopt(a.fd, v4 ? SOL_IP : SOL_IPV6, SO_ORIGINAL_DST, &sa, &n) == 0) {
    a.local = net::Address::from_sockaddr(reinterpret_cast<sockaddr*>(&sa), n);
    a.local_restored = true;
    return;
  }
  int transparent = 0;
  n = sizeof transparent;
  a.local_restored = getsockopt(a.fd, SOL_IP, IP_TRANSPARENT, &transparent, &n) == 0 && transparent != 0;
}
}  // namespace

void WorkerListener::on_accept(net::Accepted a) {
  const auto& c = *shared_->config;
  if (over_limit()) {
    ::close(a.fd);
    return;
  }
  if (c.original_dst && a.local.is_ip() && !(c.original_dst_disabled && c.original_dst_disabled(a.local.port())))
    restore_destination(a);
  WorkerListener* other = c.use_original_dst && a.local_restored ? listener_of(a.local) : nullptr;
  (other == nullptr ? this : other)->place(std::move(a));
}

/// Null: none listens there. A listener of all addresses comes after one of this very one.
WorkerListener* WorkerListener::listener_of(const net::Address& destination) noexcept {
  if (siblings_ == nullptr) return nullptr;
  WorkerListener* any = nullptr;
  for (const auto& l : *siblings_)
    for (const auto& a : l->shared_->config->addresses) {
      if (a == destination) return l.get();
      if (any == nullptr && a.is_any() && a.family() == destination.family() && a.port() == destination.port()) any = l.get();
    }
  return any;
}

void WorkerListener::place(net::Accepted a) {
  if (slot_ == nullptr) return serve(std::move(a));
  auto& slot = shared_->least_busy();
  if (&slot == slot_) return serve(std::move(a));
  slot.worker.post([&worker = slot.worker, shared = shared_, a = std::move(a)] { worker.take(*shared, a); });
}

void WorkerListener::serve(net::Accepted a) {
  const bool restored = a.local_restored;
  const bool kept =
      begin(std::make_unique<net::TcpTransport>(worker_.thread.loop, a.fd, std::move(a.local), std::move(a.remote)), restored);
  if (!kept && slot_ != nullptr) slot_->connections.fetch_sub(1, std::memory_order_relaxed);
}

void WorkerListener::accept(std::unique_ptr<net::Transport> t) {
  if (over_limit()) return t->close();
  begin(std::move(t), false);
}

/// False: it was closed at once.
bool WorkerListener::begin(std::unique_ptr<net::Transport> t, bool local_restored) {
  auto& cells = worker_.thread.cells;
  const auto& c = *shared_->config;
  cells.gauge_add(c.stats, ListenerStat::downstream_pre_cx_active, 0);  // Envoy counts it up and down
  http::ConnectionInfo info;
  info.id = hcm::next_connection_id();
  info.local = t->local();
  info.local_restored = local_restored;
  info.direct_remote = info.remote = t->remote();
  info.listener_name = c.name;
  info.listener_metadata = c.metadata.get();
  info.start = worker_.thread.loop.now();
  const FilterChain* chain = find_filter_chain(c, info);
  if (chain == nullptr) {
    no_filter_chain(*t, info);
    return false;
  }
  cells.add(c.stats, ListenerStat::downstream_cx_total);
  cells.add(worker_stats_, ListenerWorkerStat::downstream_cx_total);
  info.filter_chain_name = chain->name;
  info.filter_chain_metadata = chain->metadata.get();
  if (chain->filter == nullptr) {
    no_filters(*t);
    return false;
  }
  if (chain->socket != nullptr) {
    t = chain->socket->wrap(worker_.thread, std::move(t));
    info.tls = t->tls();
  }
  auto connection = chain->filter->make(worker_, std::move(t), std::move(info), context_, *this);
  cells.inc(c.stats, ListenerStat::downstream_cx_active);
  cells.inc(worker_stats_, ListenerWorkerStat::downstream_cx_active);
  shared_->connections.fetch_add(1, std::memory_order_relaxed);
  if (shared_->all_connections != nullptr) shared_->all_connections->fetch_add(1, std::memory_order_relaxed);
  net::Connection& live = *connection.release();  // owned by connections_ until on_connection_closed
  connections_.push_back(live);
  live.start();
  return true;
}

/// A chain may be empty: then its connections are closed at once.
void WorkerListener::no_filters(net::Transport& t) {
  auto& cells = worker_.thread.cells;
  const auto& b = shared_->config->stats;
  t.close();
  cells.gauge_add(b, ListenerStat::downstream_cx_active, 0);
  cells.add(b, ListenerStat::network_extension_config_missing);
  cells.add(b, ListenerStat::downstream_cx_destroy);
  cells.record(b, ListenerStat::downstream_cx_length_ms, 0);
}

void WorkerListener::no_filter_chain(net::Transport& t, http::ConnectionInfo& info) {
  auto& cells = worker_.thread.cells;
  const auto& c = *shared_->config;
  cells.add(c.stats, ListenerStat::no_filter_chain_match);
  t.close();
  http::StreamInfo stream;
  stream.connection = &info;
  stream.has_protocol = false;
  stream.start = worker_.thread.loop.now();
  stream.start_wall = worker_.thread.loop.wall();
  stream.flags.set(http::Flag::no_route_found);
  stream.details = "filter_chain_not_found";
  hcm::log_connection(c.access_logs, accesslog::LogType::not_set, stream, worker_);
}

void WorkerListener::on_accept_paused() {
  worker_.thread.cells.add(shared_->config->stats, ListenerStat::downstream_cx_overload_reject);
}

void WorkerListener::on_accept_turn(unsigned connections) {
  worker_.thread.cells.record(shared_->config->stats, ListenerStat::connections_accepted_per_socket_event, connections);
}

void WorkerListener::on_connection_closed(net::Connection& c) {
  auto& cells = worker_.thread.cells;
  const auto& b = shared_->config->stats;
  cells.add(b, ListenerStat::downstream_cx_destroy);
  cells.dec(b, ListenerStat::downstream_cx_active);
  cells.dec(worker_stats_, ListenerWorkerStat::downstream_cx_active);
  const auto ms = (worker_.thread.loop.now() - c.started_at()).count() / 1000;
  cells.record(b, ListenerStat::downstream_cx_length_ms, static_cast<std::uint64_t>(ms));
  shared_->connections.fetch_sub(1, std::memory_order_relaxed);
  if (shared_->all_connections != nullptr) shared_->all_connections->fetch_sub(1, std::memory_order_relaxed);
  if (slot_ != nullptr) slot_->connections.fetch_sub(1, std::memory_order_relaxed);
  static_cast<Link&>(c).unlink();
  worker_.thread.loop.dispose(std::unique_ptr<net::Connection>(&c));
}

}  // namespace outrigger::server
