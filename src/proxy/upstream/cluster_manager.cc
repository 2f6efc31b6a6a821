#include "proxy/upstream/cluster_manager.h"

#include <algorithm>
#include "proxy/base/log.h"

namespace outrigger::upstream {

using stats::ClusterManagerStat;
using stats::ClusterStat;

struct ClusterManager::Entry {
  ClusterSharedPtr shared;
  HostSetPtr hosts;
  /// A name to resolve: its last good addresses, and when it is asked again.
  struct Name {
    std::vector<net::Address> addresses;
    bool answered = false;
    unsigned failures = 0;
    std::unique_ptr<event::Timer> timer;
  };
  std::vector<Name> names;
  std::size_t waiting = 0;  // names without a first answer
  bool counted = false;     // there was a member
};

ClusterManager::ClusterManager(event::Loop& loop, stats::Registry& registry, Random& random)
    : loop_(loop),
      registry_(registry),
      random_(random),
      stats_(stats::make_block<stats::ClusterManagerStat>(registry, "cluster_manager.")) {}
ClusterManager::~ClusterManager() = default;

namespace {
void set_remaining(stats::Registry& r, stats::BlockHandle b, const Thresholds& t) {
  using S = stats::RemainingStat;
  r.set(b, S::remaining_cx, t.connections);
  r.set(b, S::remaining_pending, t.pending);
  r.set(b, S::remaining_rq, t.requests);
  r.set(b, S::remaining_retries, t.retries);
  r.set(b, S::remaining_cx_pools, t.connection_pools.value_or(UINT64_MAX));
}
}  // namespace

bool ClusterManager::add(ClusterConfigPtr config) {
  auto [at, fresh] = entries_.emplace(config->name, nullptr);
  if (!fresh) return false;
  at->second = std::make_unique<Entry>();
  Entry& e = *at->second;
  e.shared = std::make_shared<ClusterShared>();
  e.shared->config = config;
  const std::string prefix = "cluster." + stats::sanitize(config->stat_name) + ".";
  e.shared->stats = stats::make_block<stats::ClusterStat>(registry_, prefix);
  if (config->http_use != HttpUse::http1)
    e.shared->http2_stats = stats::make_block<stats::Http2Stat>(registry_, prefix + "http2.");
  for (const bool high : {false, true}) {
    const auto& t = e.shared->thresholds(high);
    stats::BlockHandle remaining;
    if (t.track_remaining) {
      remaining =
          stats::make_block<stats::RemainingStat>(registry_, prefix + "circuit_breakers." + (high ? "high." : "default."));
      set_remaining(registry_, remaining, t);
    }
    e.shared->circuit[high ? 1 : 0].init(t, high, e.shared->stats, remaining);
  }
  e.names.resize(config->dns_hosts.size());
  if (!config->endpoints.empty()) count_matches(e, config->endpoints.size());
  order_.push_back(&e);
  registry_.main().add(stats_, ClusterManagerStat::cluster_added);
  registry_.set(stats_, ClusterManagerStat::active_clusters, order_.size());
  rebuild(e);
  return true;
}

/// Envoy's choice of a transport socket, counted for each endpoint it makes; there is one socket to choose.
void ClusterManager::count_matches(Entry& e, std::size_t endpoints) {
  registry_.main().add(e.shared->stats, ClusterStat::default_total_match_count, endpoints);
}

/// Members from the static endpoints and the last answers. Those that stay keep their stats.
void ClusterManager::rebuild(Entry& e) {
  const auto& c = *e.shared->config;
  std::vector<EndpointPtr> endpoints = c.endpoints;
  for (std::size_t i = 0; i < e.names.size(); ++i) {
    const auto& d = c.dns_hosts[i];
    const auto& found = e.names[i].addresses;
    const std::size_t use = c.discovery == Discovery::logical_dns ? std::min<std::size_t>(1, found.size()) : found.size();
    for (std::size_t k = 0; k < use; ++k) {
      Endpoint p = d.pattern;
      p.address = found[k].with_port(d.port);
      if (p.hostname.empty()) p.hostname = d.name;
      endpoints.push_back(std::make_shared<const Endpoint>(std::move(p)));
    }
  }
  auto next = std::make_shared<HostSet>();
  bool changed = e.hosts == nullptr || endpoints.size() != e.hosts->size();
  for (auto& p : endpoints) {
    const Member* same = nullptr;
    if (e.hosts != nullptr)
      for (const auto& m : *e.hosts)
        if (m.endpoint == p || (!e.names.empty() && m.endpoint->address == p->address && m.endpoint->priority == p->priority &&
                                m.endpoint->weight == p->weight))
          same = &m;
    if (same != nullptr) {
      next->push_back(*same);
    } else {
      changed = true;
      next->push_back({std::move(p), std::make_shared<HostStats>()});
    }
  }
  auto& cells = registry_.main();
  if (!changed) return cells.add(e.shared->stats, ClusterStat::update_no_rebuild);
  const bool empty = next->empty() && (e.hosts == nullptr || e.hosts->empty());
  e.hosts = std::move(next);
  if (!empty) cells.add(e.shared->stats, ClusterStat::membership_change);
  count_members(e);
  if (publish_) publish_(e.shared, e.hosts);
}

void ClusterManager::count_members(Entry& e) {
  registry_.set(e.shared->stats, ClusterStat::warming_state, 0);
  if (e.hosts->empty() && !e.counted) return;
  e.counted = true;
  std::uint64_t healthy = 0, degraded = 0, weight = 0;
  for (const auto& m : *e.hosts) {
    const auto h = m.endpoint->health;
    healthy += h == Health::unknown || h == Health::healthy;
    degraded += h == Health::degraded;
    weight = std::max<std::uint64_t>(weight, m.endpoint->weight);
  }
  registry_.set(e.shared->stats, ClusterStat::membership_total, e.hosts->size());
  registry_.set(e.shared->stats, ClusterStat::membership_healthy, healthy);
  registry_.set(e.shared->stats, ClusterStat::membership_degraded, degraded);
  registry_.set(e.shared->stats, ClusterStat::membership_excluded, 0);
  // As in Envoy, only clusters whose members come and go one by one tell it.
  if (e.shared->config->discovery == Discovery::strict_dns) registry_.set(e.shared->stats, ClusterStat::max_host_weight, weight);
}

void ClusterManager::start(Publish publish, std::function<void()> ready) {
  publish_ = std::move(publish);
  ready_ = std::move(ready);
  for (Entry* e : order_) {
    publish_(e->shared, e->hosts);
    if (e->names.empty()) continue;
    if (dns_ == nullptr) dns_ = std::make_unique<Dns>(loop_, registry_);
    ++warming_;
    e->waiting = e->names.size();
    for (std::size_t i = 0; i < e->names.size(); ++i) resolve(*e, i);
  }
  ready_if_all();
}

void ClusterManager::resolve(Entry& e, std::size_t name) {
  registry_.main().add(e.shared->stats, ClusterStat::update_attempt);
  const auto& c = *e.shared->config;
  dns_->resolve(c.dns_hosts[name].name, c.dns_family, [this, &e, name](DnsAnswer a) { on_answer(e, name, std::move(a)); });
}

void ClusterManager::on_answer(Entry& e, std::size_t name, DnsAnswer answer) {
  auto& n = e.names[name];
  auto& cells = registry_.main();
  const auto& c = *e.shared->config;
  if (answer.ok) {
    cells.add(e.shared->stats, ClusterStat::update_success);
    if (answer.addresses.empty()) cells.add(e.shared->stats, ClusterStat::update_empty);
    n.failures = 0;
    if (c.discovery != Discovery::logical_dns) {
      if (!answer.addresses.empty()) count_matches(e, answer.addresses.size());
      n.addresses = answer.addresses;
    } else if (!answer.addresses.empty()) {
      if (n.addresses.empty() || n.addresses.front().text() != answer.addresses.front().text()) count_matches(e, 1);
      n.addresses = answer.addresses;
    }
    rebuild(e);
  } else {
    cells.add(e.shared->stats, ClusterStat::update_failure);
    ++n.failures;
    LOG_WARN(logger::upstream, "cluster '", c.name, "': cannot resolve '", c.dns_hosts[name].name, "': ", answer.error);
  }
  resolve_later(e, name, answer);
  if (!n.answered) {
    n.answered = true;
    if (--e.waiting == 0) {
      --warming_;
      ready_if_all();
    }
  }
}

void ClusterManager::resolve_later(Entry& e, std::size_t name, const DnsAnswer& answer) {
  const auto& c = *e.shared->config;
  auto& n = e.names[name];
  Duration wait = c.dns_refresh;
  if (answer.ok && c.respect_dns_ttl && answer.ttl && answer.ttl->count() > 0) wait = *answer.ttl;
  if (!answer.ok && c.dns_failure_base.count() > 0) {
    const Duration base = c.dns_failure_base * (1 << std::min(n.failures, 16u));
    wait = Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(base.count())))) + c.dns_failure_base;
    if (c.dns_failure_max.count() > 0) wait = std::min(wait, c.dns_failure_max);
  }
  if (c.dns_jitter.count() > 0)
    wait += Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(c.dns_jitter.count()))));
  if (n.timer == nullptr) n.timer = std::make_unique<event::Callback>(loop_.timers(), [this, &e, name] { resolve(e, name); });
  n.timer->arm(wait);
}

void ClusterManager::ready_if_all() {
  registry_.set(stats_, ClusterManagerStat::warming_clusters, warming_);
  if (warming_ == 0 && ready_) std::exchange(ready_, nullptr)();
}

void ClusterManager::each(const std::function<void(const ClusterShared&, const HostSet&)>& f) const {
  for (const Entry* e : order_) f(*e->shared, *e->hosts);
}

}  // namespace outrigger::upstream
