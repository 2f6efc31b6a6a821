#include "proxy/server/listener_manager.h"

#include <algorithm>
#include "proxy/base/log.h"
#include "proxy/server/config.h"

namespace outrigger::server {

using stats::ListenerManagerStat;

struct ListenerManager::Entry {
  std::shared_ptr<ListenerShared> shared;
  std::vector<net::Address> addresses;
  // per worker, per address
  std::vector<std::vector<std::shared_ptr<net::ListenSocket>>> sockets;
  bool stopped = false;
  const ListenerConfig& config() const noexcept { return *shared->config; }
};
void ListenerManager::DeleteEntry::operator()(Entry* e) const { delete e; }
const ListenerConfig& ListenerManager::config_of(const Prepared& p) noexcept { return p->config(); }

/// A version that was replaced or removed. What still uses its other chains goes on.
struct ListenerManager::Draining {
  std::shared_ptr<ListenerShared> shared;
  std::vector<std::size_t> chains;  // those that end; the default one: the number of the others
  bool whole = true;                // not one version of a listener that changed in place
  std::unique_ptr<event::Timer> end;
};

ListenerManager::ListenerManager(event::Loop& loop, stats::Registry& registry, std::vector<std::unique_ptr<Worker>>& workers,
                                 const hcm::Drain& server_drain)
    : loop_(loop),
      registry_(registry),
      workers_(workers),
      server_drain_(server_drain),
      stats_(stats::make_block<ListenerManagerStat>(registry, "listener_manager.")) {}
ListenerManager::~ListenerManager() = default;

ListenerManager::Prepared* ListenerManager::find(std::string_view name) {
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? nullptr : &*at->second;
}

void ListenerManager::enter(const Entry& e, std::list<Prepared>::iterator at) {
  by_name_.emplace(e.config().name, at);
  for (const auto& a : e.config().addresses) by_address_.emplace(a.text(), &e.config());
}

/// Names and addresses in the tables are those of the config.
void ListenerManager::leave(const Entry& e) {
  by_name_.erase(e.config().name);
  for (const auto& a : e.config().addresses) {
    auto [at, end] = by_address_.equal_range(a.text());
    while (at != end) at = at->second == &e.config() ? by_address_.erase(at) : std::next(at);
  }
}

const ListenerConfig* ListenerManager::holder_of(const net::Address& address, std::string_view except) const {
  const auto [first, last] = by_address_.equal_range(address.text());
  const auto at = std::find_if(first, last, [&](const auto& entry) { return entry.second->name != except; });
  return at == last ? nullptr : at->second;
}

namespace {
/// May both versions listen on the same sockets?
bool same_sockets(const ListenerConfig& a, const ListenerConfig& b) {
  return a.bind && b.bind && a.addresses == b.addresses && a.options == b.options;
}

void begin_drain(hcm::Drain& d, TimePoint now, Duration time) {
  d.duration_us.store(time.count(), std::memory_order_relaxed);
  d.start_us.store(std::max<std::int64_t>(1, now.time_since_epoch().count()), std::memory_order_relaxed);
}
}  // namespace

void ListenerManager::limit_connections(std::uint64_t max) {
  const std::string prefix = std::string("overload.") + kConnectionsMonitor + ".";
  const auto block = stats::make_block<stats::OverloadMonitorStat>(registry_, prefix);
  registry_.set(block, stats::OverloadMonitorStat::pressure, 0);
  registry_.main().add(block, stats::OverloadMonitorStat::failed_updates, 0);
  limit_.reset(new ConnectionLimit{{}, max, block});
}

Result<ListenerManager::Prepared> ListenerManager::prepare(ListenerConfigPtr config) {
  Prepared e(new Entry);
  e->shared = std::make_shared<ListenerShared>();
  e->shared->config = config;
  e->shared->all_connections = &connections_;
  const bool limited = !config->ignore_global_limit && !config->bypass_overload_manager && !config->internal;
  e->shared->limit = limited ? limit_.get() : nullptr;
  for (std::size_t i = 0; i <= config->chains.size(); ++i) e->shared->chain_drains.push_back(std::make_unique<hcm::Drain>());
  e->sockets.resize(workers_.size());
  if (!config->bind) {
    e->addresses = config->addresses;
    return e;
  }
  if (const Prepared* now = find(config->name); now != nullptr && !(*now)->stopped && same_sockets((*now)->config(), *config)) {
    e->sockets = (*now)->sockets;
    e->addresses = (*now)->addresses;
    return e;
  }
  if (auto opened = open_sockets(*e); !opened) return opened.error();
  return e;
}

Result<void> ListenerManager::open_sockets(Entry& e) {
  const auto& config = e.config();
  for (std::size_t i = 0; i < config.addresses.size(); ++i) {
    const auto& address = config.addresses[i];
    net::ListenOptions options = i < config.options.size() ? config.options[i] : net::ListenOptions{};
    options.reuse_port = options.reuse_port && address.is_ip();
    std::shared_ptr<net::ListenSocket> first;
    for (auto& mine : e.sockets) {
      if (first != nullptr && !options.reuse_port) {
        mine.push_back(first);  // shared by all workers
        continue;
      }
      auto socket = net::ListenSocket::open(first == nullptr ? address : first->local(), options);
      if (!socket) {
        registry_.main().add(stats_, ListenerManagerStat::listener_create_failure);
        return Error{Errc::io, "error adding listener '" + config.name + "' (" + address.text() + "): " + socket.error().detail};
      }
      std::shared_ptr<net::ListenSocket> opened = std::move(*socket);
      if (first == nullptr) {
        first = opened;
        e.addresses.push_back(first->local());
      }
      mine.push_back(std::move(opened));
    }
  }
  return {};
}

Result<void> ListenerManager::add(ListenerConfigPtr config) {
  auto prepared = prepare(std::move(config));
  if (!prepared) return prepared.error();
  count_told(*prepared, false);
  activate(std::move(*prepared), {});
  return {};
}

void ListenerManager::count_told(const Prepared& next, bool replaces_warming) {
  const Prepared* now = find(next->config().name);
  auto& cells = registry_.main();
  const bool modified = now != nullptr || replaces_warming;
  cells.add(stats_, modified ? ListenerManagerStat::listener_modified : ListenerManagerStat::listener_added);
  if (now != nullptr && (*now)->config().frame == next->config().frame)
    cells.add(stats_, ListenerManagerStat::listener_in_place_updated);
}

void ListenerManager::count_removed() { registry_.main().add(stats_, ListenerManagerStat::listener_removed); }

void ListenerManager::activate(Prepared next, Duration drain_time) {
  Prepared* now = find(next->config().name);
  Entry& e = *next;
  if (now == nullptr) {
    entries_.push_back(std::move(next));
    enter(e, std::prev(entries_.end()));
  } else {
    const auto at = by_name_.find(e.config().name)->second;
    leave(**now);
    std::swap(*now, next);
    enter(e, at);
    if (started_) retire(std::move(next), &e, drain_time);
  }
  if (started_) give_to_workers(e);
  show_counts();
}

bool ListenerManager::remove(std::string_view name, Duration drain_time) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return false;
  const auto at = found->second;
  leave(**at);
  Prepared gone = std::move(*at);
  entries_.erase(at);
  count_removed();
  if (started_) retire(std::move(gone), nullptr, drain_time);
  show_counts();
  return true;
}

namespace {
/// Which filter chains of `old` have no equal in `next`. Null: none has.
std::vector<std::size_t> chains_that_end(const ListenerConfig& old, const ListenerConfig* next) {
  const auto stays = [&](const FilterChain& chain) {
    if (next == nullptr || next->frame != old.frame) return false;
    const auto same = [&](const FilterChain& c) { return c.content == chain.content; };
    return std::any_of(next->chains.begin(), next->chains.end(), same) || (next->default_chain && same(*next->default_chain));
  };
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < old.chains.size(); ++i)
    if (!stays(old.chains[i])) out.push_back(i);
  if (old.default_chain && !stays(*old.default_chain)) out.push_back(old.chains.size());
  return out;
}
}  // namespace

void ListenerManager::retire(Prepared old, const Entry* next, Duration drain_time) {
  auto d = std::make_unique<Draining>();
  d->shared = old->shared;
  d->chains = chains_that_end(old->config(), next == nullptr ? nullptr : &next->config());
  d->whole = next == nullptr || next->config().frame != old->config().frame;
  for (const auto chain : d->chains) begin_drain(*old->shared->chain_drains[chain], loop_.now(), drain_time);
  for (auto& w : workers_) w->post([&w = *w, shared = old->shared] { w.retire_listener(*shared); });
  if (d->chains.empty()) return;
  d->end = std::make_unique<event::Callback>(loop_.timers(), [this, d = d.get()] { end_drain(*d); });
  d->end->arm(drain_time);
  draining_.push_back(std::move(d));
}

void ListenerManager::end_drain(Draining& d) {
  for (auto& w : workers_) w->post([&w = *w, shared = d.shared, chains = d.chains] { w.close_chains(*shared, chains); });
  loop_.post([this, which = &d] {
    std::erase_if(draining_, [which](const auto& mine) { return mine.get() == which; });
    show_counts();
  });
}

void ListenerManager::give_to_workers(Entry& e) {
  if (e.config().exact_balance)
    for (auto& w : workers_) e.shared->slots.push_back(std::make_unique<ListenerShared::Slot>(*w));
  for (std::size_t w = 0; w < workers_.size(); ++w) {
    Worker& worker = *workers_[w];
    worker.post([&worker, shared = e.shared, sockets = e.sockets[w], &drain = server_drain_] {
      worker.add_listener(shared, sockets, drain);
    });
    registry_.main().add(stats_, ListenerManagerStat::listener_create_success);
  }
}

void ListenerManager::start() {
  started_ = true;
  for (auto& e : entries_) give_to_workers(*e);
  show_counts();
  set_warming(0);
  registry_.set(stats_, ListenerManagerStat::workers_started, 1);
}

void ListenerManager::show_counts() {
  if (!started_) return;
  registry_.set(stats_, ListenerManagerStat::total_listeners_active, entries_.size());
  if (draining_.empty() && !any_drained_) return;
  any_drained_ = true;
  std::size_t listeners = 0, chains = 0;
  for (const auto& d : draining_) d->whole ? ++listeners : chains += d->chains.size();
  registry_.set(stats_, ListenerManagerStat::total_listeners_draining, listeners);
  registry_.set(stats_, ListenerManagerStat::total_filter_chains_draining, chains);
}

void ListenerManager::set_warming(std::size_t n) { registry_.set(stats_, ListenerManagerStat::total_listeners_warming, n); }

void ListenerManager::stop(bool inbound_only) {
  for (auto& e : entries_) {
    if (e->stopped || (inbound_only && !e->config().inbound)) continue;
    e->stopped = true;
    e->sockets.clear();
    // Counted, as in Envoy, once no worker takes connections any more.
    auto left = std::make_shared<std::atomic<std::size_t>>(workers_.size());
    for (auto& w : workers_)
      w->post([&w = *w, shared = e->shared, left, told = stats_] {
        w.stop_listener(*shared);
        if (left->fetch_sub(1, std::memory_order_relaxed) == 1) w.cells().add(told, ListenerManagerStat::listener_stopped);
      });
    LOG_INFO(logger::main, "listener '", e->config().name, "' stopped");
  }
}

void ListenerManager::drain(bool inbound_only, TimePoint now, Duration duration) {
  for (auto& e : entries_) {
    if (inbound_only && !e->config().inbound) continue;
    begin_drain(e->shared->drain, now, duration);
    for (auto& chain : e->shared->chain_drains) begin_drain(*chain, now, duration);
  }
}

std::uint64_t ListenerManager::connections() const noexcept { return connections_.load(std::memory_order_relaxed); }

void ListenerManager::each(const std::function<void(const View&)>& f) const {
  for (const auto& e : entries_) f({e->config(), e->addresses});
}

}  // namespace outrigger::server
