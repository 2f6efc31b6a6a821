#include "unit/sim/world.h"

#include <unistd.h>
#include <thread>
#include "proxy/stats/walk.h"

namespace outrigger::sim {

namespace {
constexpr std::uint64_t kEventsMax = 3'000'000;
}

World::World(const Setup& setup, const Weather& weather)
    : loop(clock),
      scaled_timers(clock, setup.timer_minimums),
      network(loop, clock, weather),
      loaded_(load(setup)),
      random_(weather.seed + 1),
      thread_{loop, loaded_->cells, random_, network, nullptr, "worker_0", nullptr, 0, &overload, &scaled_timers},
      manager_(thread_, loaded_->registry),
      clusters_(thread_),
      worker_(thread_, clusters_),
      blocks_before_(Buffer::blocks_in_use()) {
  const auto& config = loaded_->config;
  loaded_->asked->names.clear();
  loaded_->routes->set(0, nullptr);
  thread_.runtime = std::make_shared<const runtime::Snapshot>(config.runtime_layers);
  for (const auto& c : config.clusters) manager_.add(c);
  manager_.start({[this](const auto& shared, const auto& hosts) {
                    known_[shared->config->name] = {shared, hosts};
                    clusters_.update(shared, hosts);
                  },
                  [this](const std::string& name) { clusters_.remove(name); }},
                 nullptr);
  for (const auto& l : config.listeners) {
    shared_.push_back(std::make_shared<server::ListenerShared>());
    shared_.back()->config = l;
    listeners_.push_back(std::make_unique<server::WorkerListener>(
        worker_, shared_.back(), std::vector<std::shared_ptr<net::ListenSocket>>{}, l->worker_stats.at(0), drain_));
  }
  thread_.internal = this;
  if (setup.hop != Setup::none && setup.hop != Setup::internal) join("10.0.0.2:80", 1);
  network.on_worker_fault = [this](Fault f) {
    if (f == Fault::drain) return drain(false);
    if (f == Fault::shutdown) return shutdown();
    set_hosts(false);
    after(20ms, [this] { set_hosts(true); });
  };
}

World::~World() {
  shutdown();
  forget_names();
  for (int turns = 0; turns < 4; ++turns) loop.poll();
}

// ---- time

void World::turn() {
  loop.poll();
  blocks_max = std::max(blocks_max, Buffer::blocks_in_use() - blocks_before_);
}

void World::run(Duration d) {
  const TimePoint end = clock.now() + d;
  while (spins_.empty()) {
    do turn();
    while (network.deliver_due() && network.events_delivered() < kEventsMax);
    if (network.events_delivered() >= kEventsMax) spins_ = "it spins\n";
    TimePoint next = network.next_event();
    if (const auto due = loop.timers().next()) next = std::min(next, *due);
    if (next > end) break;
    clock.go_to(std::max(next, clock.now()));
  }
  clock.go_to(end);
  turn();
}

// ---- the others

Client& World::connect(std::size_t listener) {
  const auto port = static_cast<std::uint16_t>(30000 + clients_.size());
  const auto& local = shared_.at(listener)->config->addresses.at(0);
  auto [near, peer] = network.pair(local, net::Address::parse_ip("10.8.8.8", port).value());
  Client& c = clients_.emplace_back(*peer);
  peer->on_end = [peer = peer] {
    if (peer->fin) peer->close();
  };
  auto held = std::make_shared<std::unique_ptr<net::Transport>>(std::move(near));
  network.after(Duration{0}, [this, held, listener] {
    if (listener < listeners_.size()) return listeners_[listener]->accept(std::move(*held));
    held->reset();
  });
  return c;
}

server::WorkerListener* World::internal_listener(std::string_view name) noexcept {
  for (auto& l : listeners_)
    if (l->shared().config->internal && l->shared().config->name == name) return l.get();
  return nullptr;
}

/// What the proxy opens to the address goes to its own listener.
void World::join(const std::string& ip_port, std::size_t listener) {
  network.target(ip_port).on_accept = [this, listener](Peer& near) {
    Client& client = connect(listener);
    client.raw = true;
    Peer& far = client.peer;
    const auto pass = [](Peer& from, Peer& to) {
      from.on_data = [&from, &to] {
        to.send(from.in);
        from.in.clear();
      };
      from.on_end = [&from, &to] {
        if (from.reset) return to.abort();
        to.finish();
        if (!to.fin) return;
        from.close();
        to.close();
      };
    };
    pass(near, far);
    pass(far, near);
  };
}

Server& World::server(const std::string& ip_port) {
  servers_.push_back(std::make_unique<Server>(network, ip_port));
  return *servers_.back();
}

void World::drain(bool gradual) {
  drain_.duration_us = gradual ? std::chrono::duration_cast<Duration>(10s).count() : 0;
  drain_.start_us = clock.now().time_since_epoch().count();
  for (auto& l : listeners_) l->drain_connections();
}

void World::set_hosts(bool there) {
  if (listeners_.empty()) return;
  const auto& [shared, hosts] = known_.at("up");
  clusters_.update(shared, there ? hosts : std::make_shared<const upstream::HostSet>());
}

void World::show(const std::string& cluster) {
  if (listeners_.empty()) return;
  const auto& [shared, hosts] = known_.at(cluster);
  clusters_.update(shared, hosts);
  worker_.awaited_clusters.wake(cluster, Arrival::came);
}

void World::tell_address(const std::string& host, const std::string& found) {
  upstream::ResolvedHost r;
  r.host = host;
  if (auto address = net::Address::parse_ip_port(found))
    r.addresses.push_back(std::move(*address));
  else
    r.details = found;
  const auto now = std::make_shared<const upstream::ResolvedHost>(std::move(r));
  names_.push_back(host);
  if (!now->addresses.empty() && !listeners_.empty()) manager_.dns_caches().on_change(*loaded_->names, {{host, now}});
  loaded_->names->tell(0, now);
}

/// The cache is the next world's, too.
void World::forget_names() {
  if (loaded_->names == nullptr) return;
  for (const auto& name : names_) loaded_->names->forget(0, name);
  loaded_->names->hosts = 0;
}

void World::shutdown() {
  listeners_.clear();
  // What served their connections goes at the end of a turn, the clusters that it used after that.
  manager_.stop_checks();
  loop.post([this] { loop.post([this] { clusters_.close_all(); }); });
}

// ---- what is seen

std::uint64_t World::stat(std::string_view name) const {
  std::uint64_t value = 0;
  stats::Walk(loaded_->registry).each(stats::Walk::counters | stats::Walk::gauges, [&](const stats::StatView& s) {
    if (name.size() == s.prefix.size() + s.suffix.size() && name.starts_with(s.prefix) && name.ends_with(s.suffix))
      value = s.value;
  });
  return value;
}

std::vector<std::string> World::log() {
  loaded_->files.reopen();  // wakes the writer
  while (loaded_->files.stats().total_buffered.load() != 0) std::this_thread::yield();
  std::string text(1 << 20, '\0');
  const auto n = ::pread(loaded_->log_fd, text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end == std::string::npos ? text.size() : end + 1;
  }
  return lines;
}

std::string World::left_over() {
  std::string out;
  const auto tell = [&](const std::string& what, std::uint64_t n) {
    if (n != 0) out += what + ": " + std::to_string(static_cast<std::int64_t>(n)) + "\n";
  };
  stats::Walk(loaded_->registry).each(stats::Walk::gauges, [&](const stats::StatView& s) {
    const std::string name = std::string(s.prefix) + std::string(s.suffix);
    const bool running = name.find("active") != std::string::npos || name.ends_with("_open") || name.ends_with("_buffered");
    if (running && !name.starts_with("cluster_manager.")) tell(name, s.value);
  });
  manager_.each([&](const upstream::ClusterShared& c, const upstream::HostSet& hosts) {
    for (const auto& circuit : c.circuit)
      for (const auto limit :
           {upstream::Limit::connections, upstream::Limit::pending, upstream::Limit::requests, upstream::Limit::retries})
        tell("circuit of " + c.config->name + " " + std::to_string(static_cast<int>(limit)), circuit.used(limit));
    for (const auto& h : hosts) {
      tell("host cx_active", h.stats->counted().cx_active);
      tell("host rq_active", h.stats->counted().rq_active);
    }
  });
  for (const auto& l : shared_) tell("listener connections", l->connections);
  if (loaded_->names != nullptr) tell("requests that wait for a name", loaded_->names->waiting());
  tell("requests that wait for a cluster", worker_.awaited_clusters.size());
  tell("requests that wait for a virtual host", loaded_->routes->awaited_hosts(0).size());
  return out;
}

std::string World::lines_missing() {
  std::uint64_t expected = lines_extra;
  stats::Walk(loaded_->registry).each(stats::Walk::counters, [&](const stats::StatView& s) {
    const bool http = s.prefix.starts_with("http.") && s.suffix == "downstream_rq_total";
    const bool tcp = s.prefix.starts_with("tcp.") && s.suffix == "downstream_cx_total";
    const bool hop = s.suffix == "upstream_internal_redirect_succeeded_total";
    if (http || tcp || hop) expected += s.value;
  });
  const auto lines = log();
  if (lines.size() == expected) return {};
  std::string out = std::to_string(lines.size()) + " log lines, not " + std::to_string(expected) + ":\n";
  for (std::size_t i = 0; i < lines.size() && i < 20; ++i) out += "  " + lines[i] + "\n";
  return out;
}

std::string World::finish() {
  network.calm();
  for (auto& s : servers_) {  // what a scenario gave them may refer to its own variables
    s->on_accept = s->on_raw = s->on_end = nullptr;
    s->on_head = nullptr;
    s->on_request = [](Server::Connection& c, const Message&) { c.reply(); };
  }
  for (auto& c : clients_)
    if (clients_close) c.peer.close();
  manager_.stop_checks();  // they would go on for ever
  run(4h);                 // whatever waits has its end
  std::string out = spins_ + left_over();
  for (auto& c : clients_)
    if (!c.raw && c.rest().state == Parsed::broken) out += "not HTTP: " + c.rest_bytes().substr(0, 200) + "\n";
  for (auto& s : servers_)
    for (auto& c : s->connections)
      if (c.broken) out += "not HTTP: " + c.peer.in.substr(c.at, 200) + "\n";
  for (auto& c : clients_) c.peer.close();
  run(10s);
  out += lines_missing();
  shutdown();
  run(1ms);
  if (network.transports() != 0) out += "transports left: " + std::to_string(network.transports()) + "\n";
  if (!loop.timers().idle()) out += "timers are armed\n";
  if (Buffer::blocks_in_use() != blocks_before_)
    out += "buffer blocks left: " + std::to_string(Buffer::blocks_in_use() - blocks_before_) + "\n";
  if (!out.empty()) forget_loaded();
  return out;
}

}  // namespace outrigger::sim
