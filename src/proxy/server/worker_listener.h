// One listener on one worker: accepts, chooses the filter chain, owns the connections.
#pragma once
#include <atomic>
#include <memory>
#include <vector>
#include "proxy/hcm/worker.h"
#include "proxy/net/listen_socket.h"
#include "proxy/server/listener_config.h"

namespace outrigger::server {

/// What all workers share of a listener; owned by the ListenerManager.
struct ListenerShared {
  ListenerConfigPtr config;
  hcm::Drain drain;
  std::atomic<std::uint64_t> connections{0};
  /// Those of all listeners; null for the admin interface, which must answer when all are taken.
  std::atomic<std::uint64_t>* all_connections = nullptr;
};

class WorkerListener final : private net::AcceptEvents, private net::ConnectionOwner {
 public:
  WorkerListener(hcm::Worker& worker, std::shared_ptr<ListenerShared> shared,
                 std::vector<std::shared_ptr<net::ListenSocket>> sockets, stats::BlockHandle worker_stats,
                 const hcm::Drain& server_drain);
  ~WorkerListener();
  /// Serves a connection that came in; the sockets' own come here too.
  void accept(std::unique_ptr<net::Transport> connection);
  /// No more connections; those there are stay.
  void stop_accepting();
  void close_connections();
  void drain_connections();
  const ListenerShared& shared() const noexcept { return *shared_; }

 private:
  void on_accept(std::unique_ptr<net::Transport> connection) override { accept(std::move(connection)); }
  void on_accept_paused() override;
  void on_accept_turn(unsigned connections) override;
  bool over_limit();
  void on_connection_closed(net::Connection& c) override;
  void no_filter_chain(net::Transport& t, http::ConnectionInfo& info);
  hcm::Worker& worker_;
  std::shared_ptr<ListenerShared> shared_;
  stats::BlockHandle worker_stats_;
  hcm::ListenerContext context_;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  List<net::Connection> connections_;
};

}  // namespace outrigger::server
