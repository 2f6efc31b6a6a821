// One listener on one worker: accepts, runs listener filters, chooses the filter chain, owns the connections.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <vector>
#include "proxy/hcm/worker.h"
#include "proxy/listener/inspection.h"
#include "proxy/net/internal.h"
#include "proxy/net/listen_socket.h"
#include "proxy/server/listener_config.h"
#include "proxy/server/listener_directory.h"

namespace outrigger::server {

class Worker;

/// The overload manager's limit of connections, over listeners; counted by workers.
struct ConnectionLimit {
  std::atomic<std::uint64_t> connections{0};
  const std::uint64_t max;
  const stats::BlockHandle stats;
  /// One more, if that is allowed.
  bool take() noexcept {
    if (connections.fetch_add(1, std::memory_order_relaxed) < max) return true;
    give_back();
    return false;
  }
  void give_back() noexcept { connections.fetch_sub(1, std::memory_order_relaxed); }
};

/// What all workers share of one version of a listener; made by the ListenerManager.
struct ListenerShared {
  ListenerConfigPtr config;
  hcm::Drain drain;                                       // of all
  std::vector<std::unique_ptr<hcm::Drain>> chain_drains;  // of each chain, the default one last; none: as `drain`
  std::atomic<std::uint64_t> connections{0};
  /// Those of all listeners; null for the admin interface, which must answer when all are taken.
  std::atomic<std::uint64_t>* all_connections = nullptr;
  ConnectionLimit* limit = nullptr;  // null: there is none here
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

class WorkerListener final : private net::AcceptEvents, private net::ConnectionOwner, private listener::InspectionOwner {
 public:
  /// `directory`: where other listeners find this one and it finds them; null: it stays alone.
  WorkerListener(hcm::Worker& worker, std::shared_ptr<ListenerShared> shared,
                 std::vector<std::shared_ptr<net::ListenSocket>> sockets, stats::BlockHandle worker_stats,
                 const hcm::Drain& server_drain, ListenerDirectory* directory = nullptr);
  ~WorkerListener();
  /// Serves a connection that came in without a socket.
  void accept(std::unique_ptr<net::Transport> connection, net::Passed passed = {});
  /// `worker`: the index of the one that this is on.
  void join(std::size_t worker) noexcept;
  /// No more connections; those there are stay.
  void stop_accepting();
  /// They wait, unless this listener is no concern of the overload manager.
  void hold_connections(bool on) noexcept;
  void close_connections();
  /// Those of that filter chain (the default one: the number of the others).
  void close_chain(std::size_t chain);
  /// Another version took its place: `told` is called once it has no connection (any more), at a turn's end.
  void retire(std::function<void()> told);
  void drain_connections();
  const ListenerShared& shared() const noexcept { return *shared_; }

 private:
  void on_accept(net::Accepted connection) override;
  void on_accept_paused() override;
  void on_accept_turn(unsigned connections) override;
  void on_connection_closed(net::Connection& c) override;
  void on_inspection_end(listener::Inspection& i, listener::InspectionEnd end) override;
  bool over_limit();
  bool over_runtime_limit();
  bool rejected_for_overload();
  bool limit_reached(const std::atomic<std::uint64_t>& now, std::string_view key, stats::ListenerStat stat);
  void count_connection(bool more, bool limited = true);
  void describe(http::ConnectionInfo& info) const;
  void place(net::Accepted connection, http::ConnectionInfo info, bool handed_over);
  void begin(net::Accepted connection, http::ConnectionInfo info, bool handed_over);
  void hand_over(WorkerListener& to, listener::Arrival a);
  void inspect(listener::Arrival a);
  void settle(listener::Arrival a);
  void serve(listener::Arrival a, const FilterChain& chain);
  void no_filters(listener::Arrival a);
  void refuse(listener::Arrival a, bool no_chain);
  hcm::Worker& worker_;
  std::shared_ptr<ListenerShared> shared_;
  stats::BlockHandle worker_stats_;
  hcm::ListenerContext context_;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  void tell_if_empty();
  bool empty() noexcept;
  std::vector<List<net::Connection>> connections_;  // by filter chain, the default one last
  List<listener::Inspection> inspections_;
  ListenerDirectory* directory_;
  ListenerShared::Slot* slot_ = nullptr;  // null: not balanced
  std::function<void()> retired_;         // null: it is not
};

}  // namespace outrigger::server
