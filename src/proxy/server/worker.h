// A worker: a thread with its loop, its view of clusters and listeners. Owned by the Server; all but
// post(), start() and stop() belongs to the worker's thread.
#pragma once
#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>
#include "proxy/event/scaled_timers.h"
#include "proxy/hcm/worker.h"
#include "proxy/net/internal.h"
#include "proxy/server/listener_directory.h"
#include "proxy/server/worker_listener.h"
#include "proxy/upstream/worker_clusters.h"

namespace outrigger::server {

class Worker : private net::InternalListeners {
 public:
  /// `internal_buffer_bytes`: of a connection to an internal listener, each way; the others are the overload manager's.
  struct Parts {
    std::size_t internal_buffer_bytes = 1024 * 1024;
    const runtime::Overload* overload = nullptr;
    event::TimerMinimums timer_minimums;
  };
  Worker(unsigned index, stats::Cells& cells, std::shared_ptr<const runtime::Snapshot> runtime, std::uint64_t seed,
         const Parts& parts);
  ~Worker();
  /// `pin`: to the CPU of its index, of those the process may use.
  void start(bool pin = false);
  static std::size_t cpus() noexcept;
  /// Closes everything and ends the thread; main thread.
  void stop();
  /// Runs f on the worker's thread; any thread.
  void post(std::function<void()> f) { loop_.post(std::move(f)); }

  unsigned index() const noexcept { return index_; }
  /// On its thread.
  stats::Cells& cells() noexcept { return thread_context_.cells; }
  upstream::WorkerClusters& clusters() noexcept { return clusters_; }
  /// On its thread. Requests that wait for the cluster go on.
  void update_cluster(const upstream::ClusterSharedPtr& shared, upstream::HostSetPtr hosts);
  Parking& awaited_clusters() noexcept { return hcm_.awaited_clusters; }
  void set_runtime(std::shared_ptr<const runtime::Snapshot> s) { thread_context_.runtime = std::move(s); }
  void add_listener(std::shared_ptr<ListenerShared> shared, std::vector<std::shared_ptr<net::ListenSocket>> sockets,
                    const hcm::Drain& server_drain);
  void stop_listener(const ListenerShared& which);
  /// Connections wait to be accepted, also those to listeners that come later.
  void hold_connections(bool on);
  event::ScaledTimers& scaled_timers() noexcept { return scaled_timers_; }
  /// It takes no more connections and goes once it has none.
  void retire_listener(const ListenerShared& which);
  /// Closes the connections of these filter chains of a listener that retires.
  void close_chains(const ListenerShared& which, const std::vector<std::size_t>& chains);
  /// The listener here of that config; null: it is gone.
  WorkerListener* find(const ListenerShared& which) noexcept;

 private:
  // net::InternalListeners
  bool has(std::string_view name) noexcept override { return internal_.find(name) != internal_.end(); }
  void accept(std::string_view name, std::unique_ptr<net::Transport> t, net::Passed passed) override;
  std::size_t buffer_bytes() const noexcept override { return internal_buffer_bytes_; }

  unsigned index_;
  event::Loop loop_;
  event::ScaledTimers scaled_timers_;
  Random random_;
  runtime::ThreadContext thread_context_;
  upstream::WorkerClusters clusters_;
  hcm::Worker hcm_;
  ListenerDirectory directory_;
  std::vector<std::unique_ptr<WorkerListener>> listeners_;          // with those that retire
  std::unordered_map<std::string_view, WorkerListener*> internal_;  // by name, of its config
  std::size_t internal_buffer_bytes_;
  bool holds_connections_ = false;
  std::thread thread_;
};

}  // namespace outrigger::server
