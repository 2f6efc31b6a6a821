#include "proxy/upstream/cluster_impl.h"

#include <algorithm>
#include "proxy/upstream/tcp_dialer.h"

namespace outrigger::upstream {

using stats::ClusterStat;

ClusterImpl::ClusterImpl(runtime::ThreadContext& thread, ClusterSharedPtr shared, const HostSet& hosts)
    : thread_(thread), shared_(std::move(shared)), balancer_(*shared_->config, thread.random) {
  update(hosts);
}

ClusterImpl::~ClusterImpl() = default;

void ClusterImpl::update(const HostSet& hosts) {
  std::vector<std::unique_ptr<HostPool>> next;
  std::vector<Host*> members;
  next.reserve(hosts.size());
  members.reserve(hosts.size());
  for (const auto& m : hosts) {
    const auto same = std::find_if(hosts_.begin(), hosts_.end(),
                                   [&](const auto& h) { return h != nullptr && h->endpoint_ptr() == m.endpoint; });
    if (same != hosts_.end())
      next.push_back(std::move(*same));
    else
      next.push_back(std::make_unique<HostPool>(thread_, *shared_, m));
    members.push_back(next.back().get());
  }
  for (auto& gone : hosts_) {
    if (gone == nullptr) continue;
    gone->retire();
    retired_.push_back(std::move(gone));
  }
  hosts_ = std::move(next);
  balancer_.update(members);
  bury_retired();
}

/// Hosts that left go once nothing refers to them; checked at each change of the membership.
void ClusterImpl::bury_retired() {
  std::erase_if(retired_, [this](std::unique_ptr<HostPool>& h) {
    if (!h->unused()) return false;
    thread_.loop.dispose(std::move(h));
    return true;
  });
}

Host* ClusterImpl::pick(const PickContext& c) {
  Host* host = nullptr;
  bool panic = false;
  for (std::uint32_t i = 0; i <= c.attempts_max; ++i) {
    host = balancer_.pick(panic, c.priorities);
    if (panic) thread_.cells.add(shared_->stats, ClusterStat::lb_healthy_panic);
    if (host == nullptr || c.avoid == nullptr || !c.avoid->rejects(*host)) break;
  }
  if (host == nullptr) thread_.cells.add(shared_->stats, ClusterStat::upstream_cx_none_healthy);
  return host;
}

bool ClusterImpl::try_retry(bool high_priority) noexcept {
  auto& limits = shared_->circuit[high_priority ? 1 : 0];
  const auto& t = shared_->thresholds(high_priority);
  bool free = limits.can_take(Limit::retries);
  if (t.has_retry_budget) {
    const double running = limits.used(Limit::requests) + limits.used(Limit::pending);
    const auto allowed = static_cast<std::uint32_t>(running * t.retry_budget_percent / 100);
    free = limits.used(Limit::retries) < std::max(allowed, t.retry_budget_min);
  }
  limits.mark_used(Limit::retries, thread_.cells);
  if (free) limits.take(Limit::retries, thread_.cells);
  return free;
}

void ClusterImpl::retry_done(bool high_priority) noexcept {
  shared_->circuit[high_priority ? 1 : 0].give_back(Limit::retries, thread_.cells);
}

void ClusterImpl::report(Host& host, Outcome outcome) noexcept {
  auto& s = host.stats();
  auto& counter = outcome == Outcome::success ? s.rq_success : outcome == Outcome::error ? s.rq_error : s.rq_timeout;
  counter.fetch_add(1, std::memory_order_relaxed);
}

std::unique_ptr<TcpAttempt> ClusterImpl::connect(Host& host, TcpWaiter& waiter) {
  return dial_tcp(thread_, *shared_, static_cast<HostPool&>(host), waiter);
}

}  // namespace outrigger::upstream
