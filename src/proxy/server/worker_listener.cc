#include "proxy/server/worker_listener.h"

#include <linux/netfilter_ipv4.h>
#include "proxy/hcm/connection_log.h"

namespace outrigger::server {

using stats::ListenerStat;
using stats::ListenerWorkerStat;

WorkerListener::WorkerListener(hcm::Worker& worker, std::shared_ptr<ListenerShared> shared,
                               std::vector<std::shared_ptr<net::ListenSocket>> sockets, stats::BlockHandle worker_stats,
                               const hcm::Drain& server_drain)
    : worker_(worker), shared_(std::move(shared)), worker_stats_(worker_stats) {
  const auto& c = *shared_->config;
  context_ = {c.stats, c.buffer_bytes_max, &shared_->drain, &server_drain, &c.access_logs};
  net::AcceptEvents& self = *this;
  for (auto& s : sockets) acceptors_.push_back(std::make_unique<net::Acceptor>(worker_.thread.loop, std::move(s), self));
}

WorkerListener::~WorkerListener() { close_connections(); }

void WorkerListener::stop_accepting() { acceptors_.clear(); }

void WorkerListener::close_connections() {
  while (auto* c = connections_.front()) c->close_now();
}

void WorkerListener::drain_connections() {
  connections_.each([](net::Connection& c) { c.start_drain(); });
}

namespace {
net::Address original_destination(int fd, const net::Address& local) {
  sockaddr_storage sa{};
  socklen_t n = sizeof sa;
  const bool v4 = local.is_v4();
  if (getsockopt(fd, v4 ? SOL_IP : SOL_IPV6, SO_ORIGINAL_DST, &sa, &n) != 0) return local;
  return net::Address::from_sockaddr(reinterpret_cast<sockaddr*>(&sa), n);
}
}  // namespace

/// Are there as many connections as the runtime allows, here or altogether?
bool WorkerListener::over_limit() {
  const auto& runtime = *worker_.thread.runtime;
  if (runtime.layers().empty()) return false;
  const auto& c = *shared_->config;
  const auto reached = [&](const std::atomic<std::uint64_t>& now, std::string_view key, ListenerStat stat) {
    if (now.load(std::memory_order_relaxed) < runtime.integer(key, UINT64_MAX)) return false;
    worker_.thread.cells.add(c.stats, stat);
    return true;
  };
  if (shared_->all_connections != nullptr && reached(*shared_->all_connections, "overload.global_downstream_max_connections",
                                                     ListenerStat::downstream_global_cx_overflow))
    return true;
  return reached(shared_->connections, c.connection_limit_key, ListenerStat::downstream_cx_overflow);
}

void WorkerListener::accept(std::unique_ptr<net::Transport> t) {
  if (over_limit()) return t->close();
  auto& cells = worker_.thread.cells;
  const auto& c = *shared_->config;
  cells.gauge_add(c.stats, ListenerStat::downstream_pre_cx_active, 0);  // Envoy counts it up and down
  http::ConnectionInfo info;
  info.id = hcm::next_connection_id();
  info.local = c.original_dst ? original_destination(t->fd(), t->local()) : t->local();
  info.local_restored = !(info.local == t->local());
  info.direct_remote = info.remote = t->remote();
  info.listener_name = c.name;
  info.listener_metadata = c.metadata.get();
  info.start = worker_.thread.loop.now();
  const FilterChain* chain = find_filter_chain(c, info);
  if (chain == nullptr) return no_filter_chain(*t, info);
  cells.add(c.stats, ListenerStat::downstream_cx_total);
  cells.add(worker_stats_, ListenerWorkerStat::downstream_cx_total);
  info.filter_chain_name = chain->name;
  info.filter_chain_metadata = chain->metadata.get();
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
  static_cast<Link&>(c).unlink();
  worker_.thread.loop.dispose(std::unique_ptr<net::Connection>(&c));
}

}  // namespace outrigger::server
