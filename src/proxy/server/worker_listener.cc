#include "proxy/server/worker_listener.h"

#include <unistd.h>
#include <algorithm>
#include "proxy/hcm/connection_log.h"
#include "proxy/http/connection_facts.h"
#include "proxy/runtime/overload.h"
#include "proxy/server/worker.h"

namespace outrigger::server {

using listener::Arrival;
using listener::InspectionEnd;
using stats::ListenerStat;
using stats::ListenerWorkerStat;

WorkerListener::WorkerListener(hcm::Worker& worker, std::shared_ptr<ListenerShared> shared,
                               std::vector<std::shared_ptr<net::ListenSocket>> sockets, stats::BlockHandle worker_stats,
                               const hcm::Drain& server_drain, ListenerDirectory* directory)
    : worker_(worker),
      shared_(std::move(shared)),
      worker_stats_(worker_stats),
      connections_(shared_->config->chains.size() + 1),
      directory_(directory) {
  const auto& c = *shared_->config;
  context_ = {c.stats, c.buffer_bytes_max, &shared_->drain, &server_drain, &c.access_logs, c.high_watermark_timeout};
  if (!c.bypass_overload_manager) context_.overload = worker_.thread.overload;
  if (directory_ != nullptr) directory_->add(c, *this);
  net::AcceptEvents& self = *this;
  for (auto& s : sockets)
    acceptors_.push_back(std::make_unique<net::Acceptor>(worker_.thread.loop, std::move(s), self, c.accept_turn_max));
}

WorkerListener::~WorkerListener() {
  if (directory_ != nullptr) directory_->remove(*shared_->config, *this);
  close_connections();
}

void WorkerListener::stop_accepting() {
  acceptors_.clear();
  if (directory_ != nullptr) directory_->remove(*shared_->config, *this);
}

void WorkerListener::hold_connections(bool on) noexcept {
  if (shared_->config->bypass_overload_manager) return;
  for (auto& a : acceptors_) a->hold(on);
}

void WorkerListener::close_connections() {
  while (auto* i = inspections_.front()) on_inspection_end(*i, InspectionEnd::refused);
  for (std::size_t chain = 0; chain < connections_.size(); ++chain) close_chain(chain);
}

void WorkerListener::close_chain(std::size_t chain) {
  while (auto* c = connections_[chain].front()) c->close_now();
}

void WorkerListener::drain_connections() {
  for (auto& all : connections_) all.each([](net::Connection& c) { c.start_drain(); });
}

bool WorkerListener::empty() noexcept {
  return inspections_.empty() && std::all_of(connections_.begin(), connections_.end(), [](auto& all) { return all.empty(); });
}

void WorkerListener::retire(std::function<void()> told) {
  retired_ = std::move(told);
  tell_if_empty();
}

void WorkerListener::tell_if_empty() {
  if (retired_ && empty()) worker_.thread.loop.post(std::exchange(retired_, nullptr));
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

void WorkerListener::join(std::size_t worker) noexcept {
  if (worker < shared_->slots.size()) slot_ = shared_->slots[worker].get();
}

/// Are there as many connections as are allowed, here or altogether? If not, the new one is counted by the overload manager.
bool WorkerListener::over_limit() {
  auto* limit = shared_->limit;
  if (limit != nullptr && !limit->take()) {
    worker_.thread.cells.add(shared_->config->stats, ListenerStat::downstream_global_cx_overflow);
    worker_.thread.cells.add(limit->stats, stats::OverloadMonitorStat::failed_updates);
    return true;
  }
  const bool over = over_runtime_limit();
  if (over && limit != nullptr) limit->give_back();
  return over;
}

bool WorkerListener::rejected_for_overload() {
  auto& thread = worker_.thread;
  const auto* overload = context_.overload;
  if (overload == nullptr || (!overload->sheds(runtime::LoadShedPoint::tcp_listener_accept, thread.random, thread.cells) &&
                              !overload->hits(runtime::OverloadAction::reject_incoming_connections, thread.random)))
    return false;
  thread.cells.add(shared_->config->stats, ListenerStat::downstream_cx_overload_reject);
  if (shared_->limit != nullptr) shared_->limit->give_back();
  return true;
}

bool WorkerListener::over_runtime_limit() {
  if (worker_.thread.runtime->layers().empty()) return false;
  const auto& c = *shared_->config;
  const auto* all = c.ignore_global_limit || shared_->limit != nullptr ? nullptr : shared_->all_connections;
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

void WorkerListener::count_connection(bool more, bool limited) {
  const auto change = [more](std::atomic<std::uint64_t>& n) { n.fetch_add(more ? 1 : UINT64_MAX, std::memory_order_relaxed); };
  change(shared_->connections);
  if (shared_->all_connections != nullptr) change(*shared_->all_connections);
  if (shared_->limit != nullptr && limited) change(shared_->limit->connections);
  if (slot_ != nullptr && !more) change(slot_->connections);  // least_busy() counted it
}

// ---- where a connection is served

void WorkerListener::describe(http::ConnectionInfo& info) const {
  info.listener_name = shared_->config->name;
  info.listener_metadata = shared_->config->metadata.get();
  info.start = worker_.thread.loop.now();
}

void WorkerListener::on_accept(net::Accepted a) {
  if (over_limit() || rejected_for_overload()) {
    ::close(a.fd);
    return;
  }
  http::ConnectionInfo info;
  info.id = hcm::next_connection_id();
  info.local = a.local;
  info.direct_remote = info.remote = a.remote;
  place(std::move(a), std::move(info), false);
}

void WorkerListener::accept(std::unique_ptr<net::Transport> t, net::Passed passed) {
  if (over_limit()) return t->close();
  Arrival a{std::move(t), {}, false};
  a.info.id = hcm::next_connection_id();
  a.info.local = a.transport->local();
  a.info.direct_remote = a.info.remote = a.transport->remote();
  if (passed.metadata != nullptr) a.info.facts().dynamic_metadata = std::move(passed.metadata);
  for (const auto& s : passed.state)
    a.info.facts().set_state(a.info.filter_state, s.key, s.value,
                             {s.hashable, s.kind, s.transitive ? http::Sharing::transitive : http::Sharing::none});
  describe(a.info);
  count_connection(true);
  if (slot_ != nullptr) slot_->connections.fetch_add(1, std::memory_order_relaxed);
  inspect(std::move(a));
}

/// Here, or on the worker that has the fewest.
void WorkerListener::place(net::Accepted a, http::ConnectionInfo info, bool handed_over) {
  if (slot_ == nullptr) return begin(std::move(a), std::move(info), handed_over);
  auto& slot = shared_->least_busy();
  if (&slot == slot_) return begin(std::move(a), std::move(info), handed_over);
  auto passed = std::make_shared<std::pair<net::Accepted, http::ConnectionInfo>>(std::move(a), std::move(info));
  slot.worker.post([&slot, shared = shared_, passed, handed_over] {
    if (auto* there = slot.worker.find(*shared))
      return there->begin(std::move(passed->first), std::move(passed->second), handed_over);
    ::close(passed->first.fd);
    slot.connections.fetch_sub(1, std::memory_order_relaxed);
    if (shared->limit != nullptr && !handed_over) shared->limit->give_back();
  });
}

void WorkerListener::begin(net::Accepted a, http::ConnectionInfo info, bool handed_over) {
  describe(info);
  count_connection(true, handed_over);  // a fresh one is counted by the overload manager
  auto t = std::make_unique<net::TcpTransport>(worker_.thread.loop, a.fd, std::move(a.local), std::move(a.remote));
  inspect({std::move(t), std::move(info), handed_over});
}

/// From the listener that accepted it to the one of the address that the client wanted.
void WorkerListener::hand_over(WorkerListener& to, Arrival a) {
  count_connection(false);
  a.info.forget_state();
  a.handed_over = true;
  if (to.slot_ != nullptr) {
    net::Accepted socket{a.transport->release(), a.transport->local(), a.transport->remote()};
    worker_.thread.loop.dispose(std::move(a.transport));
    return to.place(std::move(socket), std::move(a.info), true);
  }
  to.describe(a.info);
  to.count_connection(true);
  to.inspect(std::move(a));
}

void WorkerListener::inspect(Arrival a) {
  const auto& c = *shared_->config;
  auto& cells = worker_.thread.cells;
  cells.gauge_add(c.stats, ListenerStat::downstream_pre_cx_active, 0);  // Envoy counts it up and down
  if (c.filters.empty()) return settle(std::move(a));
  a.filters = nullptr;
  if (c.filters_come_later) {
    auto own = std::make_unique<listener::Filters>(c.filters);
    if (!listener::fill_in(*own, worker_.index)) {
      cells.add(c.stats, ListenerStat::extension_config_missing);
      return refuse(std::move(a), false);
    }
    a.filters = std::move(own);
  }
  const auto& filters = a.filters != nullptr ? *a.filters : c.filters;
  std::size_t at = 0;
  switch (listener::run_filters(filters, at, {worker_.thread, *a.transport, a.info})) {
    case listener::Verdict::close: return refuse(std::move(a), false);
    case listener::Verdict::next: return settle(std::move(a));
    case listener::Verdict::wait: break;
  }
  auto* i = new listener::Inspection(worker_.thread, filters, at, std::move(a), *this);
  inspections_.push_back(*i);  // owned by it until on_inspection_end
  cells.inc(c.stats, ListenerStat::downstream_pre_cx_active);
  i->start(c.filters_timeout);
}

void WorkerListener::on_inspection_end(listener::Inspection& i, InspectionEnd end) {
  auto& cells = worker_.thread.cells;
  const auto& c = *shared_->config;
  cells.dec(c.stats, ListenerStat::downstream_pre_cx_active);
  if (end == InspectionEnd::timeout) cells.add(c.stats, ListenerStat::downstream_pre_cx_timeout);
  if (end == InspectionEnd::remote_close) cells.add(c.stats, ListenerStat::downstream_listener_filter_remote_close);
  if (end == InspectionEnd::error) cells.add(c.stats, ListenerStat::downstream_listener_filter_error);
  const bool good = end == InspectionEnd::passed || (end == InspectionEnd::timeout && c.continue_on_filters_timeout);
  Arrival a = std::move(i.arrival);
  i.unlink();
  worker_.thread.loop.dispose(std::unique_ptr<listener::Inspection>(&i));
  if (good)
    settle(std::move(a));
  else
    refuse(std::move(a), false);
  tell_if_empty();
}

namespace {

/// Can a socket of this machine have the address?
bool is_own_address(const net::Address& a) {
  const int fd = ::socket(a.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const auto any_port = a.with_port(0).raw();
  const bool own = ::bind(fd, any_port.get(), any_port.size()) == 0;
  ::close(fd);
  return own;
}

/// The client came to this very socket, nothing redirected it: there is no other place it wanted to go to.
bool leads_back(const ListenerConfig& c, const net::Transport& t, const http::ConnectionInfo& info) {
  if (!info.local_restored || !(info.local == t.local())) return false;
  const auto same_port = [&](const net::Address& a) { return a.is_ip() && a.port() == info.local.port(); };
  for (std::size_t i = 0; i < c.addresses.size(); ++i) {
    const bool transparent = i < c.options.size() && c.options[i].transparent;
    if (same_port(c.addresses[i]) && (!transparent || is_own_address(info.local))) return true;
  }
  return false;
}

}  // namespace

void WorkerListener::settle(Arrival a) {
  const auto& c = *shared_->config;
  if (!a.handed_over && a.info.local_restored) {
    WorkerListener* other = c.use_original_dst && directory_ != nullptr ? directory_->find(a.info.local) : nullptr;
    a.info.leads_back = leads_back(c, *a.transport, a.info);
    if (other != nullptr && other != this) return hand_over(*other, std::move(a));
  }
  if (a.info.found() != nullptr) a.info.transport_failure_reason = a.info.found()->transport_failure;
  const FilterChain* chain = find_filter_chain(c, a.info);
  if (chain == nullptr) return refuse(std::move(a), true);
  serve(std::move(a), *chain);
}

void WorkerListener::serve(Arrival a, const FilterChain& chain) {
  auto& cells = worker_.thread.cells;
  const auto& stats = shared_->config->stats;
  auto& info = a.info;
  cells.add(stats, ListenerStat::downstream_cx_total);
  cells.add(worker_stats_, ListenerWorkerStat::downstream_cx_total);
  info.filter_chain_name = chain.name;
  info.filter_chain_metadata = chain.metadata.get();
  if (chain.filter == nullptr || (chain.ready && !chain.ready(worker_.index))) {
    return no_filters(std::move(a));
  }
  if (chain.socket != nullptr) {
    a.transport = chain.socket->wrap(worker_.thread, std::move(a.transport));
    info.tls = a.transport->tls();
  }
  const auto& c = *shared_->config;
  const std::size_t index =
      c.default_chain && &chain == &*c.default_chain ? c.chains.size() : static_cast<std::size_t>(&chain - c.chains.data());
  hcm::ListenerContext context = context_;
  if (index < shared_->chain_drains.size()) context.drain = shared_->chain_drains[index].get();
  auto connection = chain.filter->make(worker_, std::move(a.transport), std::move(info), context, *this);
  cells.inc(stats, ListenerStat::downstream_cx_active);
  cells.inc(worker_stats_, ListenerWorkerStat::downstream_cx_active);
  net::Connection& live = *connection.release();  // owned by connections_ until on_connection_closed
  connections_[index].push_back(live);
  live.start();
}

/// A chain may be empty, or wait for what comes later: then its connections are closed at once.
void WorkerListener::no_filters(Arrival a) {
  auto& thread = worker_.thread;
  auto& cells = thread.cells;
  const auto& c = *shared_->config;
  const auto& b = c.stats;
  a.transport->close();
  thread.loop.dispose(std::move(a.transport));  // it may be on the stack
  count_connection(false);
  cells.gauge_add(b, ListenerStat::downstream_cx_active, 0);
  cells.add(b, ListenerStat::network_extension_config_missing);
  cells.add(b, ListenerStat::downstream_cx_destroy);
  cells.record(b, ListenerStat::downstream_cx_length_ms, 0);
  if (c.access_logs.empty()) return;
  a.info.local_close_reason = "no_filters";
  auto stream = http::StreamInfo::of_connection(a.info, thread.loop.now(), thread.loop.wall());
  hcm::log_connection(c.access_logs, accesslog::LogType::not_set, stream, worker_);
}

/// Closes a connection that is not served, and tells the listener's log.
void WorkerListener::refuse(Arrival a, bool no_chain) {
  auto& thread = worker_.thread;
  const auto& c = *shared_->config;
  a.transport->close();
  thread.loop.dispose(std::move(a.transport));  // it may be on the stack
  count_connection(false);
  if (no_chain) thread.cells.add(c.stats, ListenerStat::no_filter_chain_match);
  if (c.access_logs.empty()) return;
  auto stream = http::StreamInfo::of_connection(a.info, thread.loop.now(), thread.loop.wall());
  if (a.info.found() != nullptr) a.info.transport_failure_reason = a.info.found()->transport_failure;
  if (no_chain) {
    stream.flags.set(http::Flag::no_route_found);
    stream.details = "filter_chain_not_found";
  }
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
  count_connection(false);
  static_cast<Link&>(c).unlink();
  worker_.thread.loop.dispose(std::unique_ptr<net::Connection>(&c));
  tell_if_empty();
}

}  // namespace outrigger::server
