// One worker of the proxy, made from a bootstrap text as the real one is, on simulated time and network. Tests own
// a World each; everything happens on the test's thread, in run().
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <vector>
#include "proxy/event/scaled_timers.h"
#include "proxy/runtime/overload.h"
#include "proxy/server/worker_listener.h"
#include "proxy/upstream/cluster_manager.h"
#include "proxy/upstream/worker_clusters.h"
#include "unit/sim/actors.h"
#include "unit/sim/clock.h"
#include "unit/sim/network.h"
#include "unit/sim/setup.h"

namespace outrigger::sim {

using namespace std::chrono_literals;  // NOLINT: for the scenarios

class World : private net::InternalListeners {
 public:
  World(const Setup& setup, const Weather& weather);
  ~World();

  /// Time goes on by `d`, and all that happens in it.
  void run(Duration d);
  /// Calls f after `d`, while time goes on.
  void after(Duration d, std::function<void()> f) { network.after(d, std::move(f)); }
  Client& connect(std::size_t listener = 0);
  Server& server(const std::string& ip_port = "10.0.1.1:80");
  void drain(bool gradual);
  /// Of the cluster up: all hosts leave, or those of the bootstrap come back.
  void set_hosts(bool there);
  /// The cluster is not known, or is again and requests that wait for it go on.
  void hide(const std::string& cluster) {
    if (!listeners_.empty()) clusters_.remove(cluster);
  }
  void show(const std::string& cluster);
  /// A cluster that requests wait for is not there.
  void deny(const std::string& cluster) { worker_.awaited_clusters.wake(cluster, Arrival::missing); }
  /// With Setup::rds.
  void set_routes(std::shared_ptr<const route::RouteConfig> routes) { loaded_->routes->set(0, std::move(routes)); }
  /// Requests that wait for the virtual host go on.
  void tell_host(const std::string& host) { loaded_->routes->awaited_hosts(0).wake(host, Arrival::came); }
  /// What is found under the name of a dynamic forward proxy's host: an address, or why there is none.
  void tell_address(const std::string& host, const std::string& found);
  /// The cache holds no more.
  void fill_names() { loaded_->names->hosts = loaded_->names->config().hosts_max; }
  const std::shared_ptr<Asked>& asked() const noexcept { return loaded_->asked; }
  /// As a worker ends: everything is closed at once.
  void shutdown();

  std::uint64_t stat(std::string_view name) const;
  std::vector<std::string> log();  // lines so far: code, flags, details, path
  /// No fault and no weather: what a scenario expects must hold to the letter.
  bool clean() const noexcept { return network.weather().at == 0 && gentle() && !network.weather().dribble; }
  /// Nothing is lost: what arrives is right, though maybe later.
  bool gentle() const noexcept { return !network.lost(); }
  /// Ends the scenario and tells what is left of it, in words; empty: nothing.
  std::string finish();

  Clock clock;
  event::Loop loop;
  runtime::Overload overload;  // nothing is, at first
  event::ScaledTimers scaled_timers;
  Network network;
  std::size_t blocks_max = 0;     // the most buffer blocks in use after a turn
  bool clients_close = false;     // finish() closes them before it looks
  std::uint64_t lines_extra = 0;  // log lines beyond one per request

 private:
  void turn();
  void join(const std::string& ip_port, std::size_t listener);
  server::WorkerListener* internal_listener(std::string_view name) noexcept;
  // net::InternalListeners
  bool has(std::string_view name) noexcept override { return internal_listener(name) != nullptr; }
  void accept(std::string_view name, std::unique_ptr<net::Transport> t, net::Passed passed) override {
    internal_listener(name)->accept(std::move(t), std::move(passed));
  }
  std::size_t buffer_bytes() const noexcept override { return loaded_->config.internal_buffer_bytes; }
  std::string left_over();
  void forget_names();
  std::string lines_missing();
  std::shared_ptr<Loaded> loaded_;
  Random random_;
  runtime::ThreadContext thread_;
  upstream::ClusterManager manager_;
  upstream::WorkerClusters clusters_;
  hcm::Worker worker_;
  hcm::Drain drain_;
  std::vector<std::unique_ptr<server::WorkerListener>> listeners_;
  std::vector<std::shared_ptr<server::ListenerShared>> shared_;
  std::vector<std::string> names_;  // told
  std::map<std::string, std::pair<upstream::ClusterSharedPtr, upstream::HostSetPtr>> known_;
  std::deque<Client> clients_;
  std::deque<std::unique_ptr<Server>> servers_;
  std::size_t blocks_before_;
  std::string spins_;
};

}  // namespace outrigger::sim
