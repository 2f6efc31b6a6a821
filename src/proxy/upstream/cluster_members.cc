// Who is a member of a cluster: told by its config, by names, by a control plane, or by its own requests.
#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include "proxy/net/first_of.h"
#include "proxy/upstream/cluster_entry.h"
#include "proxy/upstream/hash_tables.h"
#include "proxy/upstream/host_monitor.h"
#include "proxy/upstream/socket_match.h"
#include "proxy/upstream/subset_balancer.h"

namespace outrigger::upstream {

using stats::ClusterStat;

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
std::vector<EndpointPtr> endpoints_of(const ClusterConfig& c, std::vector<EndpointPtr> endpoints,
                                      const std::vector<ClusterName>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& d = c.dns->hosts[i];
    std::vector<net::Address> found;
    for (const auto& a : names[i].addresses) found.push_back(a.with_port(d.port));
    const bool one_host = c.discovery == Discovery::logical_dns;  // whichever address connects
    if (one_host) found = net::take_turns(std::move(found));
    for (std::size_t k = 0; k < found.size(); ++k) {
      Endpoint p = d.pattern;
      p.address = found[k];
      if (one_host) {
        auto more = *p.more;
        more.addresses.assign(found.begin() + 1, found.end());
        p.more.set(std::move(more));
      }
      if (p.hostname().empty()) p.set_hostname(d.name);
      endpoints.push_back(std::make_shared<const Endpoint>(std::move(p)));
      if (one_host) break;
    }
  }
  return endpoints;
}

/// What makes a host another one: the rest of an endpoint changes in place.
std::string identity(const Endpoint& e, const net::UpstreamSocket* socket) {
  std::string id(reinterpret_cast<const char*>(&socket), sizeof socket);
  id += e.address.text();
  for (const auto* part : {&e.hostname(), &e.locality->region, &e.locality->zone, &e.locality->sub_zone}) (id += '\n') += *part;
  for (const auto& a : e.more->addresses) (id += '\n') += a.text();
  if (e.more->unchecked) id += "\n-";
  if (const auto at = check_address(e); !(at == e.address)) (id += "\n@") += at.text();
  return id;
}

bool same_facts(const Endpoint& a, const Endpoint& b) noexcept {
  const bool same_metadata =
      a.metadata == b.metadata || (a.metadata != nullptr && b.metadata != nullptr && *a.metadata == *b.metadata);
  return a.weight == b.weight && a.priority == b.priority && a.locality_weight == b.locality_weight && a.health == b.health &&
         a.canary == b.canary && same_metadata;
}

/// Checked members by address, for those that take their place.
std::unordered_map<std::string_view, const Member*> by_address(const ClusterConfig& c, const HostSet* hosts) {
  std::unordered_map<std::string_view, const Member*> all;
  if (c.health == nullptr || hosts == nullptr) return all;
  for (const auto& m : *hosts)
    if (!m.endpoint->more->unchecked) all.emplace(m.endpoint->address.text(), &m);
  return all;
}

/// What a new host begins with: as failed, or as it was when it changed only in part.
std::uint8_t first_check_of(const ClusterConfig& c, const Endpoint& e,
                            const std::unordered_map<std::string_view, const Member*>& known) {
  if (e.more->unchecked) return 0;
  const bool one_host = c.discovery == Discovery::logical_dns;  // wherever its name leads; at first it is not failed, as in Envoy
  const auto before = one_host ? known.begin() : known.find(e.address.text());
  if (before != known.end() && (one_host || check_address(*before->second->endpoint) == check_address(e)))
    return before->second->stats->checked.load(std::memory_order_relaxed) & static_cast<std::uint8_t>(~kLeaving);
  if (one_host) return 0;
  const bool one_by_one = c.discovery == Discovery::strict_dns || c.discovery == Discovery::eds;
  return one_by_one && c.exclude_unchecked_hosts ? kCheckFailed | kCheckPending : kCheckFailed;
}

using Leaving = std::unordered_multimap<std::string, const Member*>;
/// Of those that are told no more the ones stay whose checks pass, as long as they do, unless one that is asked at the same
/// address has come in their place.
void keep_checked(const ClusterConfig& c, Leaving& gone, HostSet& next) {
  if ((c.discovery != Discovery::strict_dns && c.discovery != Discovery::eds) || gone.empty()) return;
  std::unordered_set<std::string> there;
  const auto place = [](const Endpoint& e) { return e.address.text() + ' ' + check_address(e).text(); };
  for (const auto& m : next) there.insert(place(*m.endpoint));
  for (auto at = gone.begin(); at != gone.end();) {
    const Member& m = *at->second;
    const bool failed = (m.stats->checked.load(std::memory_order_relaxed) & kCheckFailed) != 0;
    const auto told = m.endpoint->health;
    const bool stays = !failed && told != Health::unhealthy && told != Health::timeout && !m.endpoint->more->unchecked &&
                       !there.contains(place(*m.endpoint));
    if (!stays) {
      ++at;
      continue;
    }
    m.stats->checked.fetch_or(kLeaving, std::memory_order_relaxed);
    next.push_back(m);
    at = gone.erase(at);
  }
}

}  // namespace

/// Members from the endpoints that are told and the last answers. Those that stay keep their stats.
void ClusterManager::rebuild(Entry& e) {
  const auto& c = e.config();
  auto endpoints = endpoints_of(c, *e.endpoints, e.names);
  std::unordered_multimap<std::string, const Member*> before;
  if (e.hosts != nullptr)
    for (const auto& m : *e.hosts) before.emplace(identity(*m.endpoint, m.socket), &m);
  const auto known = by_address(c, e.hosts.get());
  auto next = std::make_shared<HostSet>();
  next->reserve(endpoints.size());
  next->policy = e.policy;
  // Those of the first members are one piece of memory, unless each is watched.
  const bool together = before.empty() && !endpoints.empty() && c.outlier == nullptr;
  const std::shared_ptr<HostStats[]> stats(together ? new HostStats[endpoints.size()]() : nullptr);
  bool changed = e.hosts == nullptr || !(e.hosts->policy == e.policy);
  std::set<std::uint8_t> levels;  // priorities that hosts joined or left
  for (auto& p : endpoints) {
    const auto* socket = socket_for(c, p->metadata.get());
    const auto same = before.empty() ? before.end() : before.find(identity(*p, socket));
    if (same == before.end()) {
      changed = true;
      levels.insert(p->priority);
      if (c.discovery == Discovery::eds) count_matches(e, p->metadata.get(), 1);
      auto own = stats == nullptr ? make_host_stats(c) : std::shared_ptr<HostStats>(stats, &stats[next->size()]);
      if (c.health != nullptr) own->checked.store(first_check_of(c, *p, known), std::memory_order_relaxed);
      next->push_back({std::move(p), std::move(own), loop_.now(), socket});
      continue;
    }
    const Member& was = *same->second;
    before.erase(same);
    was.stats->checked.fetch_and(static_cast<std::uint8_t>(~kLeaving), std::memory_order_relaxed);
    if (was.endpoint->priority != p->priority) levels.insert({was.endpoint->priority, p->priority});
    const bool as_before = same_facts(*was.endpoint, *p);
    changed = changed || !as_before;
    next->push_back({as_before ? was.endpoint : std::move(p), was.stats, was.since, was.socket});
  }
  if (c.health != nullptr && !c.remove_checked_hosts) keep_checked(c, before, *next);
  changed = changed || !before.empty() || next->size() != e.hosts->size();
  auto& cells = registry_.main();
  if (!changed) return cells.add(e.shared->stats, ClusterStat::update_no_rebuild);
  for (const auto& [id, gone] : before) levels.insert(gone->endpoint->priority);
  if (!levels.empty()) cells.add(e.shared->stats, ClusterStat::membership_change, levels.size());
  replace(e, std::move(next));
}

void ClusterManager::set_members(std::string_view name, const EndpointsPtr& endpoints, const AssignmentPolicy& policy) {
  for (Entries* all : {&active_, &warming_}) {
    const auto at = all->find(name);
    if (at == all->end()) continue;
    const EntryPtr e = at->second;  // settle() may take it out of the map
    e->endpoints = endpoints;
    e->policy = policy;
    rebuild(*e);
    if (!std::exchange(e->awaits_members, false)) continue;
    settle(e);
  }
}

void ClusterManager::stop_waiting(std::string_view name) {
  for (Entries* all : {&active_, &warming_}) {
    const auto at = all->find(name);
    if (at == all->end() || !at->second->awaits_members) continue;
    const EntryPtr e = at->second;
    e->awaits_members = false;
    settle(e);
  }
}

// ---- hosts of ORIGINAL_DST clusters

/// Workers make the hosts; here they are counted, told to the other workers, and let go.
void ClusterManager::watch_destinations(Entry& e) {
  e.shared->new_host = [this, told = e.weak_from_this()](const Member& m) {
    loop_.post([this, told, m] {
      const auto entry = told.lock();
      if (entry == nullptr) return;
      if (entry->fresh.empty())
        loop_.post([this, told] {
          if (const auto still = told.lock()) add_destinations(*still);
        });
      entry->fresh.push_back(m);
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
  if (!e.cleanup->armed()) e.cleanup->arm(e.shared->config->original_dst->cleanup);
}

/// Those of an address stay together: as long as one was picked since the last time, or has connections.
void ClusterManager::clean_up(Entry& e) {
  std::unordered_set<std::string_view> used;
  for (const auto& m : *e.hosts)
    if (const auto& counted = m.stats->counted(); m.stats->picked.exchange(false, std::memory_order_relaxed) ||
                                                  counted.cx_active.load(std::memory_order_relaxed) != 0 ||
                                                  counted.rq_pending.load(std::memory_order_relaxed) != 0)
      used.insert(m.endpoint->address.text());
  auto next = std::make_shared<HostSet>();
  next->policy = e.policy;
  for (const auto& m : *e.hosts)
    if (used.contains(m.endpoint->address.text())) next->push_back(m);
  if (!next->empty()) e.cleanup->arm(e.shared->config->original_dst->cleanup);
  if (next->size() == e.hosts->size()) return;
  registry_.main().add(e.shared->stats, ClusterStat::membership_change);
  replace(e, std::move(next));
}

// ---- hosts of dynamic forward proxies

void ClusterManager::follow(const DnsCache& cache, const DnsCaches::Changes& changes) {
  for (const Entries* all : {&active_, &warming_})
    for (const auto& [name, e] : *all)
      if (e->config().dns_cache.get() == &cache) forward_to(*e, changes);
}

namespace {

EndpointPtr endpoint_of(const ResolvedHost& h) {
  Endpoint e;
  e.address = h.addresses.front();
  EndpointMore more;
  more.hostname = h.host;
  more.addresses.assign(h.addresses.begin() + 1, h.addresses.end());
  more.last_use = h.last_use;
  e.more.set(std::move(more));
  return std::make_shared<const Endpoint>(std::move(e));
}

}  // namespace

/// A host stays the same when its address changes: what is connected goes on.
void ClusterManager::forward_to(Entry& e, const DnsCaches::Changes& changes) {
  if (changes.empty()) return;
  std::unordered_map<std::string_view, const ResolvedHost*> now;  // the last of each counts
  for (const auto& c : changes) now[c.host] = c.now.get();
  auto next = std::make_shared<HostSet>();
  next->policy = e.policy;
  std::size_t came = 0, went = 0;
  for (const auto& m : *e.hosts) {
    const auto at = now.find(m.endpoint->hostname());
    if (at == now.end() || at->second != nullptr) next->push_back(m);
    went += at != now.end() && at->second == nullptr;
    if (at == now.end() || at->second == nullptr) continue;
    next->back().endpoint = endpoint_of(*at->second);
    now.erase(at);
  }
  for (const auto& [host, resolved] : now) {
    if (resolved == nullptr) continue;
    ++came;
    next->push_back({endpoint_of(*resolved), make_host_stats(e.config()), loop_.now(), socket_for(e.config(), nullptr)});
  }
  if (came > 0) count_matches(e, nullptr, came);
  if (came + went > 0) registry_.main().add(e.shared->stats, ClusterStat::membership_change, came + went);
  replace(e, std::move(next));
}

void ClusterManager::build_tables(Entry& e, HostSet& hosts) {
  const auto& c = e.config();
  HashSpread spread;
  const auto panic = panic_threshold_of(c, *runtime_);
  hosts.tables = build_hash_tables(c, hosts, panic, c.locality_weighted, spread);
  if (spread.size == 0) return;
  const std::uint64_t told[] = {spread.least, spread.most, spread.size};
  for (std::size_t i = 0; i < e.hash_gauges.size(); ++i) registry_.set(e.hash_gauges[i], told[i]);
}

void ClusterManager::replace(Entry& e, std::shared_ptr<HostSet> hosts) {
  if (e.config().subset != nullptr)
    registry_.set(e.single_host_duplicates, count_single_host_duplicates(*e.config().subset, *hosts));
  else if (e.config().hash != nullptr)
    build_tables(e, *hosts);
  e.hosts = std::move(hosts);
  if (e.outliers != nullptr) e.outliers->detector.set_members(e.hosts);
  if (e.checks != nullptr) e.checks->set_members(e.hosts);
  publish(e);
}

/// Members or their health have changed.
void ClusterManager::publish(Entry& e) {
  count_members(e);
  if (!e.active || !workers_.update) return;
  if (!e.cold) registry_.main().add(stats_, stats::ClusterManagerStat::cluster_updated);
  workers_.update(e.shared, e.hosts);
}

void ClusterManager::count_members(Entry& e) {
  registry_.set(e.shared->stats, ClusterStat::warming_state, 0);
  if (e.hosts->empty() && !e.counted) return;
  e.counted = true;
  std::uint64_t healthy = 0, degraded = 0, excluded = 0, weight = 0;
  for (const auto& m : *e.hosts) {
    const auto h = health_of(*m.endpoint, *m.stats);
    healthy += is_healthy(h);
    degraded += h == Health::degraded;
    excluded += h == Health::draining;
    weight = std::max<std::uint64_t>(weight, m.endpoint->weight);
  }
  e.shared->members.store(e.hosts->size(), std::memory_order_relaxed);
  e.shared->usable_members.store(healthy + degraded, std::memory_order_relaxed);
  registry_.set(e.shared->stats, ClusterStat::membership_total, e.hosts->size());
  registry_.set(e.shared->stats, ClusterStat::membership_healthy, healthy);
  registry_.set(e.shared->stats, ClusterStat::membership_degraded, degraded);
  registry_.set(e.shared->stats, ClusterStat::membership_excluded, excluded);
  // As in Envoy, only clusters whose members come and go one by one tell it.
  const auto how = e.config().discovery;
  if (how == Discovery::strict_dns || how == Discovery::eds) registry_.set(e.shared->stats, ClusterStat::max_host_weight, weight);
}

}  // namespace outrigger::upstream
