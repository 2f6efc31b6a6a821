// The server: everything that lives as long as the process, on the main thread. Starts workers,
// clusters, listeners and the admin interface in Envoy's order, runs until SIGTERM or /quitquitquit.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>
#include "proxy/accesslog/files.h"
#include "proxy/event/directory_watcher.h"
#include "proxy/event/signals.h"
#include "proxy/server/admin.h"
#include "proxy/server/config.h"
#include "proxy/server/listener_manager.h"
#include "proxy/server/overload_manager.h"
#include "proxy/server/worker.h"
#include "proxy/stats/stats.h"
#include "proxy/upstream/cluster_manager.h"

namespace outrigger::server {

/// As in server.state.
enum class State : std::uint8_t { live = 0, draining = 1, pre_initializing = 2, initializing = 3 };
std::string_view text_of(State s) noexcept;

class Server {
 public:
  explicit Server(Settings settings);
  ~Server();
  stats::Registry& registry() noexcept { return registry_; }
  accesslog::Files& files() noexcept { return files_; }
  /// Opens everything. An error leaves nothing running.
  Result<void> start(Config config);
  void run();   // until quit()
  void quit();  // main thread

  // For the admin pages.
  Admin& admin() noexcept { return admin_; }
  event::Loop& loop() noexcept { return loop_; }
  State state() const noexcept;
  const Settings& settings() const noexcept { return settings_; }
  const Config& config() const noexcept { return config_; }
  const upstream::ClusterManager& clusters() const noexcept { return clusters_; }
  const ListenerManager& listeners() const noexcept { return listeners_; }
  // For what changes while it runs.
  upstream::ClusterManager& clusters() noexcept { return clusters_; }
  ListenerManager& listeners() noexcept { return listeners_; }
  /// The bootstrap's clusters for connections of the main thread.
  upstream::WorkerClusters& main_clusters() noexcept { return main_clusters_; }
  runtime::ThreadContext& main_context() noexcept { return main_context_; }
  Random& random() noexcept { return random_; }
  /// Runs `f` on the thread of every worker.
  void post_to_workers(const std::function<void(Worker&)>& f);
  /// Of what came after the bootstrap.
  void count_unknown_fields(std::size_t n) { registry_.main().add(stats_, stats::ServerStat::dynamic_unknown_fields, n); }
  /// How long what was replaced goes on.
  Duration drain_time() const noexcept { return settings_.drain_time; }
  std::int64_t uptime_s() noexcept;
  WallTime started_at() const noexcept { return started_wall_; }
  void fail_health_check(bool fail);
  void drain_listeners(bool graceful, bool skip_exit, bool inbound_only);
  void reopen_logs();
  /// Sets values of the admin layer; empty text removes. Error: nothing was changed.
  Result<void> modify_runtime(const std::vector<std::pair<std::string, std::string>>& values);
  /// The values of one layer, which come from elsewhere, as they are from now on.
  void set_runtime_layer(std::size_t index, runtime::Layer values);
  const runtime::Snapshot& runtime() const noexcept { return *runtime_; }
  /// Called before the gauges are read; null: nobody knows of certificates.
  std::function<std::uint64_t()> days_until_first_cert_expiring;
  /// None: there is no response.
  std::function<std::optional<std::uint64_t>()> seconds_until_first_ocsp_response_expiring;
  /// The stats were looked at.
  void on_stats_read();

 private:
  void on_ready();
  void on_signal(int signal);
  struct LayerCounts {
    std::size_t on_disk = 0;
    bool failed = false;
  };
  Result<void> watch_disk_layers();
  bool read_disk_layer_of(std::size_t index, runtime::Layer& layer, LayerCounts& counts);
  void publish_runtime();
  Result<void> start_overload_manager();
  void release_memory();
  void flush_stats();
  void update_gauges();

  Settings settings_;
  event::Loop loop_;
  stats::Registry registry_;
  accesslog::Files files_;
  Config config_;  // goes before the stats that it holds
  Random random_;
  std::shared_ptr<const runtime::Snapshot> runtime_;
  hcm::Drain drain_;
  runtime::ThreadContext main_context_;
  OverloadManager overload_;  // workers read its state
  std::vector<std::unique_ptr<Worker>> workers_;
  upstream::ClusterManager clusters_;
  upstream::WorkerClusters main_clusters_;
  ListenerManager listeners_;
  Admin admin_;
  event::Signals signals_;  // before any thread
  stats::BlockHandle stats_, runtime_stats_, file_stats_;
  stats::BlockHandle main_watchdog_, worker_watchdog_;
  std::uint64_t file_counts_[5] = {};
  State state_ = State::pre_initializing;
  bool running_ = false;
  TimePoint started_{};
  WallTime started_wall_{};
  event::Alarm<Server, &Server::flush_stats> flush_;
  event::Alarm<Server, &Server::release_memory> release_;
  std::unique_ptr<event::DirectoryWatcher> watcher_;  // null: there is no disk layer
  std::vector<event::DirectoryWatcher::Watch> disk_watches_;
  std::unique_ptr<event::Timer> drain_end_;
};

}  // namespace outrigger::server
