#include "proxy/upstream/load_balancer.h"

#include <algorithm>
#include <cmath>

namespace outrigger::upstream {

namespace {
bool usable(const Host& h) noexcept {
  const auto s = h.endpoint().health;
  return s == Health::unknown || s == Health::healthy;
}
struct Later {
  template <class E>
  bool operator()(const E& a, const E& b) const noexcept {
    return a.deadline != b.deadline ? a.deadline > b.deadline : a.order > b.order;
  }
};
}  // namespace

LoadBalancer::LoadBalancer(const ClusterConfig& config, Random& random) : config_(config), random_(random) {}

LoadBalancer::Level LoadBalancer::make_level(std::vector<Host*> hosts, bool panic) {
  Level level;
  level.hosts = std::move(hosts);
  level.panic = panic;
  return level;
}

double LoadBalancer::weight_of(const Host& h) const noexcept {
  const double w = h.endpoint().weight == 0 ? 1 : h.endpoint().weight;
  if (config_.lb != LbKind::least_request) return w;
  return w / std::pow(h.active_requests + 1.0, config_.active_request_bias.value);
}

/// Envoy's priority levels: each takes what its health (times the overprovisioning factor) allows of
/// what is left; when all together have too little, the rest is spread.
void LoadBalancer::share_load(const std::vector<std::vector<Host*>>& all, const std::vector<std::vector<Host*>>& healthy) {
  std::vector<std::uint32_t> health(all.size());
  std::uint32_t total = 0;
  for (std::size_t p = 0; p < all.size(); ++p) {
    if (!all[p].empty())
      health[p] =
          static_cast<std::uint32_t>(std::min<std::size_t>(100, healthy[p].size() * config_.overprovisioning / all[p].size()));
    total = std::min(100u, total + health[p]);
  }
  std::uint32_t left = 100;
  for (std::size_t p = 0; p < all.size(); ++p) {
    const std::uint32_t load = total == 0 ? (p == 0 ? 100 : 0) : std::min(left, health[p] * 100 / total);
    left -= load;
    const bool panic = !all[p].empty() && healthy[p].size() * 100 < config_.panic_percent * all[p].size() && total < 100;
    levels_.push_back(make_level(panic ? all[p] : healthy[p], panic));
    levels_.back().load = load;
    levels_.back().health = health[p];
  }
  if (left > 0)
    for (auto& l : levels_)
      if (l.load > 0) {
        l.load += left;
        break;
      }
}

void LoadBalancer::update(const std::vector<Host*>& hosts) {
  levels_.clear();
  std::vector<std::vector<Host*>> all, healthy;
  for (Host* h : hosts) {
    const auto p = h->endpoint().priority;
    if (all.size() <= p) all.resize(p + 1), healthy.resize(p + 1);
    all[p].push_back(h);
    if (usable(*h)) healthy[p].push_back(h);
  }
  share_load(all, healthy);
  for (auto& level : levels_) {
    if (level.hosts.empty()) continue;
    const auto first = level.hosts.front()->endpoint().weight;
    const bool equal =
        std::all_of(level.hosts.begin(), level.hosts.end(), [&](Host* h) { return h->endpoint().weight == first; });
    if (!equal && config_.lb != LbKind::random) {
      for (Host* h : level.hosts) level.heap.push_back({1.0 / weight_of(*h), order_++, h});
      std::make_heap(level.heap.begin(), level.heap.end(), Later{});
    }
    level.next = random_.below(level.hosts.size());
  }
}

Host* LoadBalancer::pick_weighted(Level& level) {
  std::pop_heap(level.heap.begin(), level.heap.end(), Later{});
  Entry& e = level.heap.back();
  Host* h = e.host;
  level.now = e.deadline;
  e.deadline = level.now + 1.0 / weight_of(*h);
  e.order = order_++;
  std::push_heap(level.heap.begin(), level.heap.end(), Later{});
  return h;
}

LoadBalancer::Level* LoadBalancer::pick_level() {
  if (levels_.size() == 1) return &levels_[0];
  Level* level = nullptr;
  auto at = static_cast<std::uint32_t>(random_.below(100));
  for (auto& l : levels_) {
    level = &l;
    if (at < l.load) break;
    at -= l.load;
  }
  return level;
}

/// By the health of the priorities that are not excluded; when they have none, of all.
LoadBalancer::Level* LoadBalancer::pick_other_level(Priorities& priorities) {
  const auto out = [&](std::size_t p) { return p < Priorities::kMax && priorities.excluded[p]; };
  const auto sum = [&] {
    std::uint32_t n = 0;
    for (std::size_t p = 0; p < levels_.size(); ++p)
      if (!out(p)) n += levels_[p].health;
    return std::min(n, 100u);
  };
  std::uint32_t total = sum();
  if (total == 0) {
    priorities.excluded.reset();
    priorities.exhausted = true;
    total = sum();
  }
  if (total == 0) return pick_level();
  Level* level = nullptr;
  auto at = static_cast<std::uint32_t>(random_.below(100));
  for (std::size_t p = 0; p < levels_.size(); ++p) {
    if (out(p) || levels_[p].health == 0) continue;
    level = &levels_[p];
    const std::uint32_t load = level->health * 100 / total;
    if (at < load) break;
    at -= load;
  }
  return level;
}

Host* LoadBalancer::pick(bool& panic, Priorities* priorities) {
  Level* level = priorities == nullptr ? pick_level() : pick_other_level(*priorities);
  if (level == nullptr || level->hosts.empty()) {
    panic = config_.panic_percent > 0;
    return nullptr;
  }
  panic = level->panic;
  if (level->panic && config_.fail_traffic_on_panic) return nullptr;
  auto& hosts = level->hosts;
  if (hosts.size() == 1) return hosts[0];
  if (!level->heap.empty()) return pick_weighted(*level);
  if (config_.lb == LbKind::random) return hosts[random_.below(hosts.size())];
  if (config_.lb == LbKind::least_request) {
    Host* best = hosts[random_.below(hosts.size())];
    for (std::uint32_t i = 1; i < config_.choice_count; ++i) {
      Host* other = hosts[random_.below(hosts.size())];
      if (other->active_requests < best->active_requests) best = other;
    }
    return best;
  }
  if (level->next >= hosts.size()) level->next = 0;
  return hosts[level->next++];
}

}  // namespace outrigger::upstream
