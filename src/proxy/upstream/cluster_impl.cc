#include "proxy/upstream/cluster_impl.h"

#include <algorithm>
#include "proxy/upstream/outlier_watch.h"
#include "proxy/upstream/override_hosts.h"
#include "proxy/upstream/tcp_dialer.h"

namespace outrigger::upstream {

using stats::ClusterStat;

namespace {
/// Not always the one that is asked: an aggregate's hosts are others'.
ClusterShared& cluster_of(const Host& host) noexcept { return static_cast<const HostPool&>(host).cluster(); }
}  // namespace

ClusterImpl::ClusterImpl(runtime::ThreadContext& thread, ClusterSharedPtr shared, const HostSet& hosts, const LocalCluster& local,
                         ListedClusters& others)
    : thread_(thread), shared_(std::move(shared)), local_(local), balancer_(*shared_->config, thread) {
  if (shared_->config->discovery == Discovery::original_dst)
    original_dst_ = std::make_unique<OriginalDstHosts>(thread_, *shared_);
  if (shared_->config->discovery == Discovery::forward) forward_ = std::make_unique<ForwardHosts>(thread_, *shared_->config);
  if (shared_->config->discovery == Discovery::aggregate)
    aggregate_ = std::make_unique<AggregateHosts>(thread_, *shared_->config, others);
  if (shared_->config->subset != nullptr) subset_ = std::make_unique<SubsetBalancer>(*shared_, thread_);
  if (shared_->config->hash != nullptr && subset_ == nullptr) hash_ = std::make_unique<HashBalancer>(*shared_, thread_.random);
  if (!local.name.empty() && local.name != shared_->config->name && aggregate_ == nullptr)
    balancer_.route_by_zone(local, shared_->stats);
  update(hosts);
}

ClusterImpl::~ClusterImpl() = default;

void ClusterImpl::update(const HostSet& hosts) {
  policy_ = hosts.policy;
  if (original_dst_ == nullptr)
    update_members(hosts);
  else
    update_destinations(hosts);
  const auto failed = note_health();
  bury_retired();
  if (shared_->config->close_on_host_failure)
    for (auto* host : failed) host->fail_tcp();  // whoever has such a connection may ask for another one at once
}

/// Those that have just failed.
std::vector<HostPool*> ClusterImpl::note_health() {
  std::vector<HostPool*> failed;
  if (shared_->outlier == nullptr && shared_->config->health == nullptr) return failed;
  const auto note = [&failed](HostPool& h) {
    if (h.note_health()) failed.push_back(&h);
  };
  for (auto& h : hosts_) note(*h);
  if (original_dst_ != nullptr) original_dst_->each(note);
  return failed;
}

void ClusterImpl::update_destinations(const HostSet& hosts) {
  const auto before = retired_.size();
  original_dst_->update(hosts, retired_);
  for (std::size_t i = before; i < retired_.size(); ++i) retired_[i]->retire();
  if (shared_->config->close_on_members_change) original_dst_->each([](HostPool& h) { h.drain(); });
}

void ClusterImpl::update_members(const HostSet& hosts) {
  by_address_.clear();
  // A host is known by its counters, which main keeps while the address stays.
  std::unordered_multimap<const HostStats*, std::unique_ptr<HostPool>> before;
  for (auto& h : hosts_) before.emplace(&h->stats(), std::move(h));
  std::vector<std::unique_ptr<HostPool>> next;
  next.reserve(hosts.size());
  for (const auto& m : hosts) {
    const auto same = before.find(m.stats.get());
    if (same == before.end()) {
      next.push_back(std::make_unique<HostPool>(thread_, *shared_, m));
      continue;
    }
    same->second->become(m.endpoint);
    next.push_back(std::move(same->second));
    before.erase(same);
  }
  for (auto& [stats, gone] : before) {
    gone->retire();
    retired_.push_back(std::move(gone));
  }
  hosts_ = std::move(next);
  if (shared_->config->close_on_members_change)
    for (auto& h : hosts_) h->drain();
  if (forward_ != nullptr)
    forward_->update(hosts_);
  else if (hash_ != nullptr)
    hash_->update(hosts.tables, all_hosts());
  else
    balance();
}

std::vector<Host*> ClusterImpl::all_hosts() const {
  std::vector<Host*> all;
  all.reserve(hosts_.size());
  for (const auto& h : hosts_) all.push_back(h.get());
  return all;
}

void ClusterImpl::balance() {
  if (subset_ != nullptr) return subset_->update(all_hosts(), policy_);
  balancer_.update(all_hosts(), policy_);
}

void ClusterImpl::update_local() {
  if (original_dst_ == nullptr && hash_ == nullptr && forward_ == nullptr) balance();
}

void ClusterImpl::retire() {
  for (auto& h : hosts_) h->retire();
  if (original_dst_ != nullptr) original_dst_->each([](HostPool& h) { h.retire(); });
}

bool ClusterImpl::unused() const noexcept {
  if (in_use()) return false;
  const auto idle = [](const std::unique_ptr<HostPool>& h) { return h->unused(); };
  return std::all_of(hosts_.begin(), hosts_.end(), idle) && std::all_of(retired_.begin(), retired_.end(), idle) &&
         (original_dst_ == nullptr || original_dst_->unused());
}

/// Hosts that left go once nothing refers to them; checked at each change of the membership.
void ClusterImpl::bury_retired() {
  std::erase_if(retired_, [this](std::unique_ptr<HostPool>& h) {
    if (!h->unused()) return false;
    thread_.loop.dispose(std::move(h));
    return true;
  });
}

stats::BlockHandle ClusterImpl::alt_stats(std::string_view name) noexcept {
  if (shared_->alt_stats == nullptr) return {};
  stats::BlockName full;
  full.put_cluster(shared_->config->stat_name).put(".").put(name);
  return shared_->alt_stats->find(full.text(), thread_.cells);
}

/// Blocks like those that clients ask for. A host keeps its own, so that it is looked for once.
stats::BlockHandle ClusterImpl::zone_stats(Host& host) noexcept {
  const std::string &from = local_.node->zone, &to = host.endpoint().locality->zone;
  if (from.empty() || to.empty() || shared_->alt_stats == nullptr) return {};
  const bool own = &cluster_of(host) == shared_.get();
  if (own && host.zone_stats) return *host.zone_stats;
  stats::BlockName full;
  full.put_cluster(shared_->config->stat_name).put(".zone.").put(from).put(".").put(to);
  const auto found = shared_->alt_stats->find(full.text(), thread_.cells);
  if (own) host.zone_stats = found;
  return found;
}

Host* ClusterImpl::pick_balanced(const PickContext& c) {
  return subset_ != nullptr ? subset_->pick(c) : balancer_.pick(c, shared_->stats);
}

Host* ClusterImpl::pick_hashed(const PickContext& c) {
  bool panic = false;
  Host* host = hash_->pick(c, panic);
  if (panic) thread_.cells.add(shared_->stats, ClusterStat::lb_healthy_panic);
  return host;
}

Host* ClusterImpl::pick_forward(const PickContext& c) {
  bool counts = false;
  Host* host = forward_->pick(c, counts);
  if (host == nullptr && counts && c.level == nullptr) thread_.cells.add(shared_->stats, ClusterStat::upstream_cx_none_healthy);
  return host;
}

Host* ClusterImpl::find(std::string_view address) {
  if (by_address_.empty())
    for (const auto& h : hosts_) by_address_.emplace(h->endpoint().address.text(), h.get());
  const auto at = by_address_.find(address);
  return at == by_address_.end() ? nullptr : at->second;
}

/// Null: it isn't there, or its health is none that sessions may have.
Host* ClusterImpl::pick_wanted(std::string_view address) {
  Host* host = find(address);
  return host != nullptr && shared_->config->override_health.has(host->health()) ? host : nullptr;
}

/// Null: none of those that the request names and that no pick has used yet is a member. Any health will do.
Host* ClusterImpl::pick_named(const PickContext& c) {
  NamedHosts first;
  NamedHosts& named = c.named == nullptr ? first : *c.named;
  named.asked = true;
  Host* host = nullptr;
  std::uint32_t at = 0;
  each_named(*shared_->config->override_hosts, c, [&](std::string_view address) {
    if (at++ < named.used) return true;
    named.used = at;
    host = find(address);
    return host == nullptr;
  });
  return host;
}

Host* ClusterImpl::choose(const PickContext& c) {
  if (aggregate_ != nullptr) return aggregate_->pick(c);
  if (original_dst_ != nullptr) return original_dst_->pick(c);
  return hash_ != nullptr ? pick_hashed(c) : pick_balanced(c);
}

bool ClusterImpl::may_hash() noexcept {
  return aggregate_ != nullptr ? aggregate_->may_hash() : shared_->config->hash != nullptr;
}

std::uint32_t ClusterImpl::priority_of(const Host& host) noexcept {
  return aggregate_ != nullptr ? aggregate_->priority_of(host) : host.endpoint().priority;
}

Host* ClusterImpl::pick(const PickContext& c) {
  if (!c.wanted.empty())
    if (Host* host = pick_wanted(c.wanted)) return host;
  if (c.wanted_only) {
    thread_.cells.add(shared_->stats, ClusterStat::upstream_cx_none_healthy);
    return nullptr;
  }
  if (shared_->config->override_hosts != nullptr && c.level == nullptr)
    if (Host* host = pick_named(c)) return host;
  if (forward_ != nullptr) return pick_forward(c);
  Host* host = choose(c);
  if (host == nullptr && c.level == nullptr) thread_.cells.add(shared_->stats, ClusterStat::upstream_cx_none_healthy);
  return host;
}

bool ClusterImpl::try_retry(bool high_priority) noexcept {
  auto& limits = shared_->circuit[high_priority ? 1 : 0];
  const bool free = limits.can_retry();
  limits.mark_used(Limit::retries, thread_.cells);
  if (free) limits.take(Limit::retries, thread_.cells);
  return free;
}

void ClusterImpl::retry_done(bool high_priority) noexcept {
  shared_->circuit[high_priority ? 1 : 0].give_back(Limit::retries, thread_.cells);
}

void ClusterImpl::report(Host& host, Outcome outcome) noexcept {
  auto& s = host.counters();
  auto& counter = outcome == Outcome::success ? s.rq_success : outcome == Outcome::error ? s.rq_error : s.rq_timeout;
  counter.fetch_add(1, std::memory_order_relaxed);
}

void ClusterImpl::see(Host& host, Sight sight, std::uint16_t code) noexcept {
  const auto& outlier = cluster_of(host).outlier;
  if (outlier != nullptr) outlier->see(host, sight, code, *thread_.runtime);
}

void ClusterImpl::fail_check(Host& host) noexcept {
  const auto& fail = cluster_of(host).fail_check;
  if (fail) fail(host.shared_stats());
}

const ClusterShared& ClusterImpl::owner_of(const Host& host) const noexcept { return cluster_of(host); }

bool ClusterImpl::admits_connection() noexcept {
  if (shared_->circuit[0].can_take(Limit::connections)) return true;
  thread_.cells.add(shared_->stats, ClusterStat::upstream_cx_overflow);
  return false;
}

std::unique_ptr<TcpAttempt> ClusterImpl::connect(Host& host, TcpWaiter& waiter) {
  if (!admits_connection()) {
    waiter.on_tcp_failure(PoolFailure::overflow, "", nullptr);
    return nullptr;
  }
  return dial_tcp(thread_, cluster_of(host), static_cast<HostPool&>(host), waiter);
}

}  // namespace outrigger::upstream
