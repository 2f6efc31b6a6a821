// A worker: a thread with its loop, its view of clusters and listeners. Owned by the Server; all but
// post(), start() and stop() belongs to the worker's thread.
#pragma once
#include <functional>
#include <memory>
#include <thread>
#include <vector>
#include "proxy/hcm/worker.h"
#include "proxy/server/listener_directory.h"
#include "proxy/server/worker_listener.h"
#include "proxy/upstream/worker_clusters.h"

namespace outrigger::server {

class Worker {
 public:
  Worker(unsigned index, stats::Cells& cells, std::shared_ptr<const runtime::Snapshot> runtime, std::uint64_t seed);
  ~Worker();
  /// `pin`: to the CPU of its index, of those the process may use.
  void start(bool pin = false);
  static std::size_t cpus() noexcept;
  /// Closes everything and ends the thread; main thread.
  void stop();
  /// Runs f on the worker's thread; any thread.
  void post(std::function<void()> f) { loop_.post(std::move(f)); }

  unsigned index() const noexcept { return index_; }
  upstream::WorkerClusters& clusters() noexcept { return clusters_; }
  void set_runtime(std::shared_ptr<const runtime::Snapshot> s) { thread_context_.runtime = std::move(s); }
  void add_listener(std::shared_ptr<ListenerShared> shared, std::vector<std::shared_ptr<net::ListenSocket>> sockets,
                    const hcm::Drain& server_drain);
  void stop_listener(const ListenerShared& which);
  /// The listener here of that config; null: it is gone.
  WorkerListener* find(const ListenerShared& which) noexcept;

 private:
  unsigned index_;
  event::Loop loop_;
  Random random_;
  runtime::ThreadContext thread_context_;
  upstream::WorkerClusters clusters_;
  hcm::Worker hcm_;
  ListenerDirectory directory_;
  std::vector<std::unique_ptr<WorkerListener>> listeners_;
  std::thread thread_;
};

}  // namespace outrigger::server
