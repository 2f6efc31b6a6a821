#include "proxy/upstream/cluster_manager.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include "proxy/base/log.h"
#include "proxy/net/first_of.h"
#include "proxy/upstream/socket_match.h"

namespace outrigger::upstream {

using stats::ClusterManagerStat;
using stats::ClusterStat;

struct ClusterManager::Entry {
  ClusterSharedPtr shared;
  HostSetPtr hosts;
  std::vector<Name> names;
  Dns* dns = nullptr;       // resolves them
  std::size_t waiting = 0;  // names without a first answer
  bool counted = false;     // there was a member
  // ORIGINAL_DST: what workers have told of since the last turn, and when hosts that nobody uses go.
  std::vector<Member> fresh;
  std::unique_ptr<event::Timer> cleanup;
};

ClusterManager::ClusterManager(event::Loop& loop, stats::Registry& registry, Random& random)
    : loop_(loop),
      registry_(registry),
      random_(random),
      stats_(stats::make_block<stats::ClusterManagerStat>(registry, "cluster_manager.")),
      alt_stats_(stats::make_named_blocks<stats::AltClusterStat>(registry, "cluster.")) {}
ClusterManager::~ClusterManager() = default;

namespace {
const std::string kCircuitKeys = "circuit_breakers.";

void set_remaining(stats::Registry& r, stats::BlockHandle b, const Thresholds& t) {
  using S = stats::RemainingStat;
  r.set(b, S::remaining_cx, t.connections);
  r.set(b, S::remaining_pending, t.pending);
  r.set(b, S::remaining_rq, t.requests);
  r.set(b, S::remaining_retries, t.retries);
  r.set(b, S::remaining_cx_pools, t.connection_pools);
}
}  // namespace

bool ClusterManager::add(ClusterConfigPtr config) {
  auto [at, fresh] = entries_.emplace(config->name, nullptr);
  if (!fresh) return false;
  at->second = std::make_unique<Entry>();
  Entry& e = *at->second;
  e.shared = std::make_shared<ClusterShared>();
  e.shared->config = config;
  e.shared->alt_stats = &alt_stats_;
  const std::string prefix = "cluster." + stats::sanitize(config->stat_name) + ".";
  e.shared->stats = stats::make_block<stats::ClusterStat>(registry_, prefix);
  if (config->http_use != HttpUse::http1)
    e.shared->http2_stats = stats::make_block<stats::Http2Stat>(registry_, prefix + "http2.");
  if (config->track_timeout_budgets) e.shared->tracking.budgets = stats::make_block<stats::TimeoutBudgetStat>(registry_, prefix);
  if (config->track_sizes) e.shared->tracking.sizes = stats::make_block<stats::RequestSizeStat>(registry_, prefix);
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
  if (runtime_->has_any(kCircuitKeys)) apply_runtime(e);
  if (config->discovery == Discovery::original_dst) watch_destinations(e);
  e.names.resize(config->dns.hosts.size());
  for (const auto& p : config->endpoints) count_matches(e, p->metadata.get(), 1);
  order_.push_back(&e);
  registry_.main().add(stats_, ClusterManagerStat::cluster_added);
  registry_.set(stats_, ClusterManagerStat::active_clusters, order_.size());
  rebuild(e);
  return true;
}

void ClusterManager::set_runtime(std::shared_ptr<const runtime::Snapshot> snapshot) {
  const bool concerned = runtime_->has_any(kCircuitKeys) || snapshot->has_any(kCircuitKeys);
  runtime_ = std::move(snapshot);
  if (!concerned) return;
  for (Entry* e : order_) apply_runtime(*e);
}

void ClusterManager::apply_runtime(Entry& e) {
  for (const bool high : {false, true})
    e.shared->circuit[high ? 1 : 0].apply(e.shared->thresholds(high), *runtime_,
                                          kCircuitKeys + e.shared->config->name + (high ? ".high." : ".default."),
                                          registry_.main());
}

/// The choice of a transport socket, counted for each endpoint that is made.
void ClusterManager::count_matches(Entry& e, const Metadata* metadata, std::size_t endpoints) {
  auto& cells = registry_.main();
  if (const auto* match = find_socket_match(*e.shared->config, metadata))
    cells.add(match->stats, stats::SocketMatchStat::total_match_count, endpoints);
  else
    cells.add(e.shared->stats, ClusterStat::default_total_match_count, endpoints);
}

namespace {

/// What the last answers say, in the order of the config. An address counts once for each name.
std::vector<EndpointPtr> endpoints_of(const ClusterConfig& c, const std::vector<ClusterManager::Name>& names) {
  std::vector<EndpointPtr> endpoints = c.endpoints;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& d = c.dns.hosts[i];
    std::vector<net::Address> found;
    for (const auto& a : names[i].addresses) found.push_back(a.with_port(d.port));
    const bool one_host = c.discovery == Discovery::logical_dns;  // whichever address connects
    if (one_host) found = net::take_turns(std::move(found));
    for (std::size_t k = 0; k < found.size(); ++k) {
      Endpoint p = d.pattern;
      p.address = found[k];
      if (one_host) p.more_addresses.assign(found.begin() + 1, found.end());
      if (p.hostname.empty()) p.hostname = d.name;
      endpoints.push_back(std::make_shared<const Endpoint>(std::move(p)));
      if (one_host) break;
    }
  }
  return endpoints;
}

/// Resolved endpoints that are alike are one member.
std::string identity(const Endpoint& e) {
  std::string id = e.address.text() + ' ' + e.hostname + ' ' + std::to_string(e.priority) + ' ' + std::to_string(e.weight);
  for (const auto& a : e.more_addresses) id += ' ' + a.text();
  return id;
}

}  // namespace

/// Members from the static endpoints and the last answers. Those that stay keep their stats.
void ClusterManager::rebuild(Entry& e) {
  const auto& c = *e.shared->config;
  auto endpoints = endpoints_of(c, e.names);
  std::unordered_map<std::string, const Member*> before;
  if (e.hosts != nullptr)
    for (const auto& m : *e.hosts) before.emplace(identity(*m.endpoint), &m);
  auto next = std::make_shared<HostSet>();
  next->reserve(endpoints.size());
  bool changed = e.hosts == nullptr || endpoints.size() != e.hosts->size();
  for (auto& p : endpoints) {
    const auto same = before.empty() ? before.end() : before.find(identity(*p));
    if (same != before.end()) {
      next->push_back(*same->second);
    } else {
      changed = true;
      const auto* socket = socket_for(c, p->metadata.get());
      next->push_back({std::move(p), std::make_shared<HostStats>(), loop_.now(), socket});
    }
  }
  auto& cells = registry_.main();
  if (!changed) return cells.add(e.shared->stats, ClusterStat::update_no_rebuild);
  const bool empty = next->empty() && (e.hosts == nullptr || e.hosts->empty());
  if (!empty) cells.add(e.shared->stats, ClusterStat::membership_change);
  replace(e, std::move(next));
}

// ---- hosts of ORIGINAL_DST clusters

/// Workers make the hosts; here they are counted, told to the other workers, and let go.
void ClusterManager::watch_destinations(Entry& e) {
  e.shared->new_host = [this, &e](const Member& m) {
    loop_.post([this, &e, m] {
      if (e.fresh.empty()) loop_.post([this, &e] { add_destinations(e); });
      e.fresh.push_back(m);
    });
  };
  e.cleanup = std::make_unique<event::Callback>(loop_.timers(), [this, &e] { clean_up(e); });
}

void ClusterManager::add_destinations(Entry& e) {
  auto next = std::make_shared<HostSet>(*e.hosts);
  next->insert(next->end(), e.fresh.begin(), e.fresh.end());
  registry_.main().add(e.shared->stats, ClusterStat::membership_change, e.fresh.size());
  e.fresh.clear();
  replace(e, std::move(next));
  if (!e.cleanup->armed()) e.cleanup->arm(e.shared->config->original_dst.cleanup);
}

/// Those of an address stay together: as long as one was picked since the last time, or has connections.
void ClusterManager::clean_up(Entry& e) {
  std::unordered_set<std::string_view> used;
  for (const auto& m : *e.hosts)
    if (m.stats->picked.exchange(false, std::memory_order_relaxed) || m.stats->cx_active.load(std::memory_order_relaxed) != 0 ||
        m.stats->rq_pending.load(std::memory_order_relaxed) != 0)
      used.insert(m.endpoint->address.text());
  auto next = std::make_shared<HostSet>();
  for (const auto& m : *e.hosts)
    if (used.contains(m.endpoint->address.text())) next->push_back(m);
  if (!next->empty()) e.cleanup->arm(e.shared->config->original_dst.cleanup);
  if (next->size() == e.hosts->size()) return;
  registry_.main().add(e.shared->stats, ClusterStat::membership_change);
  replace(e, std::move(next));
}

void ClusterManager::replace(Entry& e, HostSetPtr hosts) {
  e.hosts = std::move(hosts);
  count_members(e);
  if (publish_) publish_(e.shared, e.hosts);
}

void ClusterManager::count_members(Entry& e) {
  registry_.set(e.shared->stats, ClusterStat::warming_state, 0);
  if (e.hosts->empty() && !e.counted) return;
  e.counted = true;
  std::uint64_t healthy = 0, degraded = 0, excluded = 0, weight = 0;
  for (const auto& m : *e.hosts) {
    const auto h = m.endpoint->health;
    healthy += is_healthy(h);
    degraded += h == Health::degraded;
    excluded += h == Health::draining;
    weight = std::max<std::uint64_t>(weight, m.endpoint->weight);
  }
  registry_.set(e.shared->stats, ClusterStat::membership_total, e.hosts->size());
  registry_.set(e.shared->stats, ClusterStat::membership_healthy, healthy);
  registry_.set(e.shared->stats, ClusterStat::membership_degraded, degraded);
  registry_.set(e.shared->stats, ClusterStat::membership_excluded, excluded);
  // As in Envoy, only clusters whose members come and go one by one tell it.
  if (e.shared->config->discovery == Discovery::strict_dns) registry_.set(e.shared->stats, ClusterStat::max_host_weight, weight);
}

void ClusterManager::start(Publish publish, std::function<void()> ready) {
  publish_ = std::move(publish);
  ready_ = std::move(ready);
  for (Entry* e : order_) {
    publish_(e->shared, e->hosts);
    if (e->names.empty()) continue;
    e->dns = &resolver(e->shared->config->dns.resolver);
    if (e->shared->config->wait_for_warm) ++warming_;
    e->waiting = e->names.size();
    for (std::size_t i = 0; i < e->names.size(); ++i) resolve(*e, i);
  }
  ready_if_all();
}

Dns& ClusterManager::resolver(const DnsOptions& options) {
  for (auto& d : resolvers_)
    if (d->options() == options) return *d;
  if (resolvers_.empty()) dns_stats_ = stats::make_block<stats::DnsCaresStat>(registry_, "dns.cares.");
  return *resolvers_.emplace_back(std::make_unique<Dns>(loop_, registry_, dns_stats_, options));
}

void ClusterManager::resolve(Entry& e, std::size_t name) {
  registry_.main().add(e.shared->stats, ClusterStat::update_attempt);
  const auto& c = *e.shared->config;
  e.dns->resolve(c.dns.hosts[name].name, c.dns.family, [this, &e, name](DnsAnswer a) { on_answer(e, name, std::move(a)); });
}

void ClusterManager::on_answer(Entry& e, std::size_t name, DnsAnswer answer) {
  auto& n = e.names[name];
  auto& cells = registry_.main();
  const auto& c = *e.shared->config;
  const Metadata* metadata = c.dns.hosts[name].pattern.metadata.get();
  if (answer.ok) {
    cells.add(e.shared->stats, ClusterStat::update_success);
    n.failures = 0;
    if (c.discovery != Discovery::logical_dns) {
      if (!answer.addresses.empty()) count_matches(e, metadata, answer.addresses.size());
      n.addresses = answer.addresses;
    } else if (!answer.addresses.empty()) {
      if (n.addresses.empty() || n.addresses.front().text() != answer.addresses.front().text()) count_matches(e, metadata, 1);
      n.addresses = answer.addresses;
    }
    rebuild(e);
  } else {
    cells.add(e.shared->stats, ClusterStat::update_failure);
    ++n.failures;
    LOG_WARN(logger::upstream, "cluster '", c.name, "': cannot resolve '", c.dns.hosts[name].name, "': ", answer.error);
  }
  resolve_later(e, name, answer);
  if (!n.answered) {
    n.answered = true;
    if (--e.waiting == 0 && c.wait_for_warm) {
      --warming_;
      ready_if_all();
    }
  }
}

void ClusterManager::resolve_later(Entry& e, std::size_t name, const DnsAnswer& answer) {
  const auto& rules = e.shared->config->dns;
  auto& n = e.names[name];
  const auto some_of = [&](Duration d) {
    return Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(d.count()))));
  };
  Duration wait = rules.refresh;
  if (answer.ok) {
    if (rules.respect_ttl && answer.ttl && answer.ttl->count() > 0) wait = *answer.ttl;
    wait = std::max(wait, rules.refresh_min) + some_of(rules.jitter);
  } else if (rules.failure_base.count() > 0) {
    // Any time up to the base, which doubles with each failure up to the longest.
    wait = some_of(std::min(rules.failure_base * (1 << std::min(n.failures - 1, 16U)), rules.failure_max));
  }
  if (n.timer == nullptr) n.timer = std::make_unique<event::Callback>(loop_.timers(), [this, &e, name] { resolve(e, name); });
  n.timer->arm(wait);
}

void ClusterManager::ready_if_all() {
  registry_.set(stats_, ClusterManagerStat::warming_clusters, warming_);
  if (warming_ == 0 && ready_) std::exchange(ready_, nullptr)();
}

void ClusterManager::each(const std::function<void(const ClusterShared&, const HostSet&)>& f) const {
  for (const auto& [name, e] : entries_) f(*e->shared, *e->hosts);
}

}  // namespace outrigger::upstream
