// One listener on one worker: accepts, chooses the filter chain, owns the connections.
#pragma once
#include <atomic>
#include <memory>
#include <vector>
#include "proxy/hcm/worker.h"
#include "proxy/net/listen_socket.h"
#include "proxy/server/listener_config.h"

namespace outrigger::server {

class Worker;

/// What all workers share of a listener; owned by the ListenerManager.
struct ListenerShared {
  ListenerConfigPtr config;
  hcm::Drain drain;
  std::atomic<std::uint64_t> connections{0};
  /// Those of all listeners; null for the admin interface, which must answer when all are taken.
  std::atomic<std::uint64_t>* all_connections = nullptr;
  /// Per worker, when connections are balanced exactly.
  struct Slot {
    explicit Slot(Worker& w) : worker(w) {}
    Worker& worker;
    std::atomic<std::uint64_t> connections{0};
  };
  std::vector<std::unique_ptr<Slot>> slots;
  /// The one with the fewest, which has one more now.
  Slot& least_busy() noexcept;
};

class WorkerListener final : private net::AcceptEvents, private net::ConnectionOwner {
 public:
  WorkerListener(hcm::Worker& worker, std::shared_ptr<ListenerShared> shared,
                 std::vector<std::shared_ptr<net::ListenSocket>> sockets, stats::BlockHandle worker_stats,
                 const hcm::Drain& server_drain);
  ~WorkerListener();
  /// Serves a connection that came in; the sockets' own come here too.
  void accept(std::unique_ptr<net::Transport> connection);
  /// The same for a socket, which this worker was chosen to serve.
  void serve(net::Accepted connection);
  /// `all`: the listeners of the worker, of which this is one.
  void join(std::size_t worker, const std::vector<std::unique_ptr<WorkerListener>>& all) noexcept;
  /// No more connections; those there are stay.
  void stop_accepting();
  void close_connections();
  void drain_connections();
  const ListenerShared& shared() const noexcept { return *shared_; }

 private:
  void on_accept(net::Accepted connection) override;
  void place(net::Accepted connection);
  WorkerListener* listener_of(const net::Address& destination) noexcept;
  bool begin(std::unique_ptr<net::Transport> t, bool local_restored);
  void on_accept_paused() override;
  void on_accept_turn(unsigned connections) override;
  bool over_limit();
  bool limit_reached(const std::atomic<std::uint64_t>& now, std::string_view key, stats::ListenerStat stat);
  void on_connection_closed(net::Connection& c) override;
  void no_filters(net::Transport& t);
  void no_filter_chain(net::Transport& t, http::ConnectionInfo& info);
  hcm::Worker& worker_;
  std::shared_ptr<ListenerShared> shared_;
  stats::BlockHandle worker_stats_;
  hcm::ListenerContext context_;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  List<net::Connection> connections_;
  ListenerShared::Slot* slot_ = nullptr;  // null: not balanced
  const std::vector<std::unique_ptr<WorkerListener>>* siblings_ = nullptr;
};

}  // namespace outrigger::server
