#include "proxy/server/worker.h"

#include <pthread.h>
#include "proxy/net/dialer.h"

namespace outrigger::server {

Worker::Worker(unsigned index, stats::Cells& cells, std::shared_ptr<const runtime::Snapshot> runtime, std::uint64_t seed)
    : index_(index),
      random_(seed),
      thread_context_{loop_, cells, random_, net::socket_dialer(), std::move(runtime), "worker_" + std::to_string(index)},
      clusters_(thread_context_),
      hcm_(thread_context_, clusters_) {}

Worker::~Worker() { stop(); }

void Worker::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), thread_context_.name.c_str());
    loop_.run();
  });
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  post([this] {
    listeners_.clear();
    clusters_.close_all();
    // What was closed is deleted at the end of this turn, before the loop stops.
    post([this] { loop_.stop(); });
  });
  thread_.join();
}

void Worker::add_listener(std::shared_ptr<ListenerShared> shared, std::vector<std::shared_ptr<net::ListenSocket>> sockets,
                          const hcm::Drain& server_drain) {
  const auto& all = shared->config->worker_stats;
  const stats::BlockHandle mine = index_ < all.size() ? all[index_] : stats::BlockHandle{};
  listeners_.push_back(std::make_unique<WorkerListener>(hcm_, std::move(shared), std::move(sockets), mine, server_drain));
}

void Worker::stop_listener(const ListenerShared& which) {
  for (auto& l : listeners_)
    if (&l->shared() == &which) l->stop_accepting();
}

}  // namespace outrigger::server
