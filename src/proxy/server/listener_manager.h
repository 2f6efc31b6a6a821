// All listeners, on the main thread: opens their sockets, gives them to the workers, replaces, drains and
// stops them.
#pragma once
#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>
#include "proxy/server/listener_config.h"
#include "proxy/server/worker.h"
#include "proxy/stats/names.h"

namespace outrigger::server {

class ListenerManager {
 public:
  ListenerManager(event::Loop& loop, stats::Registry& registry, std::vector<std::unique_ptr<Worker>>& workers,
                  const hcm::Drain& server_drain);
  ~ListenerManager();
  /// A version of a listener with its sockets open, not serving yet. Destroying it closes those that are its own.
  struct Entry;
  struct DeleteEntry {
    void operator()(Entry* e) const;
  };
  using Prepared = std::unique_ptr<Entry, DeleteEntry>;
  static const ListenerConfig& config_of(const Prepared& p) noexcept;

  /// Binds and listens, or shares the sockets of the version that serves now when the addresses are the same. Errors name
  /// the listener and the address; nothing is changed then.
  Result<Prepared> prepare(ListenerConfigPtr config);
  /// It serves from now on (after start(): at once); the version that it replaces drains.
  void activate(Prepared next, Duration drain_time);
  /// Of what was prepared and will be activated, now or once it is warm. `replaces_warming`: one that was told before.
  void count_told(const Prepared& next, bool replaces_warming);
  /// One goes that never was active.
  void count_removed();
  /// Drains it. False: there is none of that name.
  bool remove(std::string_view name, Duration drain_time);
  bool known(std::string_view name) { return find(name) != nullptr; }
  /// The listener whose config has that address, other than that of the name. Null: none.
  const ListenerConfig* holder_of(const net::Address& address, std::string_view except) const;
  /// prepare() and activate().
  Result<void> add(ListenerConfigPtr config);
  /// Gives all listeners to the workers, which must have been started.
  void start();
  /// Refuses new connections; those there are stay. `inbound_only`: of listeners for inbound traffic.
  void stop(bool inbound_only);
  /// Responses say "connection: close" more and more often until `duration` has passed (0: at once).
  void drain(bool inbound_only, TimePoint now, Duration duration);
  std::uint64_t connections() const noexcept;
  /// The overload manager allows so many, of listeners that are told later.
  void limit_connections(std::uint64_t max);
  /// How many have been told of and do not serve yet; shown.
  void set_warming(std::size_t n);
  struct View {
    const ListenerConfig& config;
    std::vector<net::Address> addresses;  // the real ones
  };
  void each(const std::function<void(const View&)>& f) const;

 private:
  struct Draining;
  Prepared* find(std::string_view name);
  void enter(const Entry& e, std::list<Prepared>::iterator at);
  void leave(const Entry& e);
  Result<void> open_sockets(Entry& e);
  void give_to_workers(Entry& e);
  void retire(Prepared old, const Entry* next, Duration drain_time);
  void end_drain(Draining& d);
  void show_counts();
  event::Loop& loop_;
  stats::Registry& registry_;
  std::vector<std::unique_ptr<Worker>>& workers_;
  const hcm::Drain& server_drain_;
  stats::BlockHandle stats_;
  std::atomic<std::uint64_t> connections_{0};  // counted by workers
  std::unique_ptr<ConnectionLimit> limit_;     // null: none
  std::list<Prepared> entries_;                // in the order in which they were told of
  std::unordered_map<std::string_view, std::list<Prepared>::iterator> by_name_;
  std::unordered_multimap<std::string_view, const ListenerConfig*> by_address_;  // those of the configs
  std::vector<std::unique_ptr<Draining>> draining_;
  bool started_ = false, any_drained_ = false;
};

}  // namespace outrigger::server
