#include "proxy/upstream/host_choice.h"

#include <algorithm>
#include <cmath>

namespace outrigger::upstream {

namespace {

/// How much of its weight a host has that joined a while ago.
double warmth(const Host& h, const SlowStart& s, const runtime::ThreadContext& thread) noexcept {
  const auto age = thread.loop.now() - h.since();
  if (age >= s.window) return 1;
  double aggression = s.aggression.in(*thread.runtime);
  if (!(aggression > 0)) aggression = 1;
  const double time = static_cast<double>(std::max<Duration>(age, std::chrono::milliseconds(1)).count()) / s.window.count();
  return std::max(aggression == 1 ? time : std::pow(time, 1 / aggression), s.weight_min);
}

double weight_of(const Host& h, const ClusterConfig& c, const runtime::ThreadContext& thread) noexcept {
  double w = std::max(1U, h.endpoint().weight);
  if (c.lb == LbKind::least_request) {
    const double bias = c.active_request_bias.in(*thread.runtime);
    if (bias > 0) w /= bias == 1 ? h.active_requests + 1.0 : std::pow(h.active_requests + 1.0, bias);
  }
  return c.slow_start ? w * warmth(h, *c.slow_start, thread) : w;
}

bool all_weigh_the_same(const std::vector<Host*>& hosts, const ClusterConfig& c, const runtime::ThreadContext& thread) noexcept {
  return std::all_of(hosts.begin(), hosts.end(), [&](const Host* h) {
    return h->endpoint().weight == hosts.front()->endpoint().weight &&
           (!c.slow_start || thread.loop.now() - h->since() >= c.slow_start->window);
  });
}

}  // namespace

void HostChoice::assign(std::vector<Host*> hosts, const ClusterConfig& config, runtime::ThreadContext& thread) {
  hosts_ = std::move(hosts);
  turns_.clear();
  next_ = thread.random.below(hosts_.size());
  if (config.lb == LbKind::random || all_weigh_the_same(hosts_, config, thread)) return;
  for (Host* h : hosts_) turns_.add(h, weight_of(*h, config, thread));
}

Host* HostChoice::least_loaded(const ClusterConfig& config, Random& random) const noexcept {
  if (config.full_scan) {
    Host* best = nullptr;
    std::uint64_t same = 0;  // each of those that have as little to do is as likely
    for (Host* h : hosts_) {
      if (best == nullptr || h->active_requests < best->active_requests) {
        best = h;
        same = 1;
      } else if (h->active_requests == best->active_requests && random.below(++same) == 0) {
        best = h;
      }
    }
    return best;
  }
  Host* best = hosts_[random.below(hosts_.size())];
  for (std::uint32_t i = 1; i < config.choice_count; ++i) {
    Host* other = hosts_[random.below(hosts_.size())];
    if (other->active_requests < best->active_requests) best = other;
  }
  return best;
}

Host* HostChoice::pick(const ClusterConfig& config, runtime::ThreadContext& thread) noexcept {
  if (hosts_.size() < 2) return hosts_.empty() ? nullptr : hosts_.front();
  if (!turns_.empty()) return turns_.next([&](const Host* h) { return weight_of(*h, config, thread); });
  if (config.lb == LbKind::random) return hosts_[thread.random.below(hosts_.size())];
  if (config.lb == LbKind::least_request) return least_loaded(config, thread.random);
  if (next_ >= hosts_.size()) next_ = 0;
  return hosts_[next_++];
}

}  // namespace outrigger::upstream
