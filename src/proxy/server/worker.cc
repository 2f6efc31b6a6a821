#include "proxy/server/worker.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>
#include "proxy/net/dialer.h"

namespace outrigger::server {

Worker::Worker(unsigned index, stats::Cells& cells, std::shared_ptr<const runtime::Snapshot> runtime, std::uint64_t seed,
               const Parts& parts)
    : index_(index),
      scaled_timers_(loop_.clock(), parts.timer_minimums),
      random_(seed),
      thread_context_{loop_, cells, random_, net::socket_dialer(), std::move(runtime), "worker_" + std::to_string(index)},
      clusters_(thread_context_),
      hcm_(thread_context_, clusters_, index),
      internal_buffer_bytes_(parts.internal_buffer_bytes) {
  thread_context_.internal = this;
  thread_context_.number = index + 1;
  thread_context_.overload = parts.overload;
  thread_context_.scaled = &scaled_timers_;
}

Worker::~Worker() { stop(); }

namespace {
void pin_to(unsigned index) noexcept {
  cpu_set_t allowed, one;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || index-- > 0) continue;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    return;
  }
}
}  // namespace

std::size_t Worker::cpus() noexcept {
  cpu_set_t allowed;
  return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? static_cast<std::size_t>(CPU_COUNT(&allowed)) : 0;
}

void Worker::start(bool pin) {
  thread_ = std::thread([this, pin] {
    pthread_setname_np(pthread_self(), thread_context_.name.c_str());
    if (pin) pin_to(index_);
    loop_.run();
  });
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  post([this] {
    internal_.clear();
    listeners_.clear();
    // What was closed is deleted at the end of this turn, then what it used, before the loop stops.
    post([this] {
      clusters_.close_all();
      post([this] { loop_.stop(); });
    });
  });
  thread_.join();
}

void Worker::add_listener(std::shared_ptr<ListenerShared> shared, std::vector<std::shared_ptr<net::ListenSocket>> sockets,
                          const hcm::Drain& server_drain) {
  const auto& all = shared->config->worker_stats;
  const stats::BlockHandle mine = index_ < all.size() ? all[index_] : stats::BlockHandle{};
  listeners_.push_back(
      std::make_unique<WorkerListener>(hcm_, std::move(shared), std::move(sockets), mine, server_drain, &directory_));
  listeners_.back()->join(index_);
  if (holds_connections_) listeners_.back()->hold_connections(true);
  const auto& config = *listeners_.back()->shared().config;
  if (config.internal) internal_.emplace(config.name, listeners_.back().get());
}

void Worker::hold_connections(bool on) {
  holds_connections_ = on;
  for (auto& l : listeners_) l->hold_connections(on);
}

void Worker::update_cluster(const upstream::ClusterSharedPtr& shared, upstream::HostSetPtr hosts) {
  clusters_.update(shared, std::move(hosts));
  hcm_.awaited_clusters.wake(shared->config->name, Arrival::came);
}

void Worker::retire_listener(const ListenerShared& which) {
  WorkerListener* l = find(which);
  if (l == nullptr) return;
  stop_listener(which);
  l->retire([this, l] { std::erase_if(listeners_, [l](const auto& mine) { return mine.get() == l; }); });
}

void Worker::close_chains(const ListenerShared& which, const std::vector<std::size_t>& chains) {
  WorkerListener* l = find(which);
  for (const auto chain : chains)
    if (l != nullptr) l->close_chain(chain);
}

WorkerListener* Worker::find(const ListenerShared& which) noexcept {
  for (auto& l : listeners_)
    if (&l->shared() == &which) return l.get();
  return nullptr;
}

void Worker::stop_listener(const ListenerShared& which) {
  for (auto& l : listeners_)
    if (&l->shared() == &which) l->stop_accepting();
  if (which.config->internal) internal_.erase(which.config->name);
}

void Worker::accept(std::string_view name, std::unique_ptr<net::Transport> t, net::Passed passed) {
  const auto at = internal_.find(name);
  if (at != internal_.end()) return at->second->accept(std::move(t), std::move(passed));
  loop_.dispose(std::move(t));  // it closes
}

}  // namespace outrigger::server
