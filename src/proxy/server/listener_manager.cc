#include "proxy/server/listener_manager.h"

#include "proxy/base/log.h"

namespace outrigger::server {

using stats::ListenerManagerStat;

struct ListenerManager::Entry {
  std::shared_ptr<ListenerShared> shared;
  std::vector<net::Address> addresses;
  // per worker, per address
  std::vector<std::vector<std::shared_ptr<net::ListenSocket>>> sockets;
  bool stopped = false;
};

ListenerManager::ListenerManager(stats::Registry& registry, std::vector<std::unique_ptr<Worker>>& workers,
                                 const hcm::Drain& server_drain)
    : registry_(registry),
      workers_(workers),
      server_drain_(server_drain),
      stats_(stats::make_block<ListenerManagerStat>(registry, "listener_manager.")) {}
ListenerManager::~ListenerManager() = default;

Result<void> ListenerManager::add(ListenerConfigPtr config) {
  auto e = std::make_unique<Entry>();
  e->shared = std::make_shared<ListenerShared>();
  e->shared->config = config;
  e->shared->all_connections = &connections_;
  e->sockets.resize(workers_.size());
  if (!config->bind) e->addresses = config->addresses;
  for (std::size_t i = 0; config->bind && i < config->addresses.size(); ++i) {
    const auto& address = config->addresses[i];
    net::ListenOptions options = i < config->options.size() ? config->options[i] : net::ListenOptions{};
    options.reuse_port = options.reuse_port && address.is_ip();
    std::shared_ptr<net::ListenSocket> first;
    for (auto& mine : e->sockets) {
      if (first == nullptr || options.reuse_port) {
        auto socket = net::ListenSocket::open(first == nullptr ? address : first->local(), options);
        if (!socket) {
          registry_.main().add(stats_, ListenerManagerStat::listener_create_failure);
          return Error{Errc::io,
                       "error adding listener '" + config->name + "' (" + address.text() + "): " + socket.error().detail};
        }
        std::shared_ptr<net::ListenSocket> opened = std::move(*socket);
        if (first == nullptr) {
          first = opened;
          e->addresses.push_back(first->local());
        }
        mine.push_back(std::move(opened));
      } else {
        mine.push_back(first);  // shared by all workers
      }
    }
  }
  entries_.push_back(std::move(e));
  registry_.main().add(stats_, ListenerManagerStat::listener_added);
  return {};
}

void ListenerManager::start() {
  for (auto& e : entries_) {
    if (e->shared->config->exact_balance)
      for (auto& w : workers_) e->shared->slots.push_back(std::make_unique<ListenerShared::Slot>(*w));
    for (std::size_t w = 0; w < workers_.size(); ++w) {
      Worker& worker = *workers_[w];
      worker.post([&worker, shared = e->shared, sockets = e->sockets[w], &drain = server_drain_] {
        worker.add_listener(shared, sockets, drain);
      });
      registry_.main().add(stats_, ListenerManagerStat::listener_create_success);
    }
  }
  registry_.set(stats_, ListenerManagerStat::total_listeners_active, entries_.size());
  registry_.set(stats_, ListenerManagerStat::total_listeners_warming, 0);
  registry_.set(stats_, ListenerManagerStat::workers_started, 1);
}

void ListenerManager::stop(bool inbound_only) {
  for (auto& e : entries_) {
    if (e->stopped || (inbound_only && !e->shared->config->inbound)) continue;
    e->stopped = true;
    for (std::size_t w = 0; w < workers_.size(); ++w) {
      Worker& worker = *workers_[w];
      worker.post([&worker, shared = e->shared] { worker.stop_listener(*shared); });
    }
    e->sockets.clear();
    registry_.main().add(stats_, ListenerManagerStat::listener_stopped);
    LOG_INFO(logger::main, "listener '", e->shared->config->name, "' stopped");
  }
}

void ListenerManager::drain(bool inbound_only, TimePoint now, Duration duration) {
  for (auto& e : entries_) {
    if (inbound_only && !e->shared->config->inbound) continue;
    e->shared->drain.duration_us.store(duration.count(), std::memory_order_relaxed);
    e->shared->drain.start_us.store(std::max<std::int64_t>(1, now.time_since_epoch().count()), std::memory_order_relaxed);
  }
}

std::uint64_t ListenerManager::connections() const noexcept { return connections_.load(std::memory_order_relaxed); }

void ListenerManager::each(const std::function<void(const View&)>& f) const {
  for (const auto& e : entries_) f({*e->shared->config, e->addresses});
}

}  // namespace outrigger::server
