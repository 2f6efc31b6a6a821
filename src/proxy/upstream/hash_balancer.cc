#include "proxy/upstream/hash_balancer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace outrigger::upstream {

void HashBalancer::update(std::shared_ptr<const HashTables> tables, std::vector<Host*> hosts) {
  tables_ = std::move(tables);
  hosts_ = std::move(hosts);
  if (cluster_.config->hash->balance_factor != 0) order_.resize(hosts_.size());
}

Host* HashBalancer::pick(const PickContext& c, bool& panic) {
  if (c.hash && c.hash_used != nullptr) *c.hash_used = true;
  const std::uint64_t hash = c.hash ? *c.hash : random_.next();
  const auto& level = tables_->levels[priority_at(tables_->shares, static_cast<std::uint32_t>(hash % 100)).level];
  panic = level.panic;
  if (level.empty()) return nullptr;
  Host* found = nullptr;
  for (std::uint32_t attempt = 0; attempt <= (c.avoid == nullptr ? 0 : c.attempts_max); ++attempt) {
    auto place = level.pick(hash, attempt);
    if (!level.hosts.empty()) place = with_room(level, place, hash);
    found = &host(place);
    if (c.avoid == nullptr || !c.avoid->rejects(*found)) break;
  }
  return found;
}

/// What it has of what it may have; it is full above 1.
double HashBalancer::load(std::uint32_t place, double weight) const noexcept {
  const std::uint32_t all = cluster_.circuit[0].used(Limit::requests) + cluster_.circuit[1].used(Limit::requests);
  const std::uint64_t slots = ((all + 1ULL) * cluster_.config->hash->balance_factor + 99) / 100;
  const double own = std::max(std::ceil(static_cast<double>(slots) * weight), 1.0);
  return static_cast<double>(host(place).stats().counted().rq_active.load(std::memory_order_relaxed)) / own;
}

/// The first with room, in an order that is shuffled as the hash says; the least loaded when there is none.
std::uint32_t HashBalancer::with_room(const HashTables::Level& level, std::uint32_t first, std::uint64_t hash) {
  double least = load(first, level.weights[first]);
  if (least <= 1) return first;
  const auto n = static_cast<std::uint32_t>(level.hosts.size());
  std::iota(order_.begin(), order_.begin() + n, 0U);
  std::mt19937 random(static_cast<std::uint32_t>(hash));
  const auto below = [&random](std::uint32_t k) {
    std::uint64_t x = k;
    while (x >= k) x = random() / ((std::uint64_t{0xffffffff} + 1) / k);
    return static_cast<std::uint32_t>(x);
  };
  std::uint32_t best = first;
  for (std::uint32_t i = 0; i < n; ++i) {
    std::swap(order_[i], order_[i + below(n - i)]);
    const auto& other = level.hosts[order_[i]];
    if (other.place == first) continue;
    const double l = load(other.place, other.weight);
    if (l <= 1) return other.place;
    if (l < least) {
      least = l;
      best = other.place;
    }
  }
  return best;
}

}  // namespace outrigger::upstream
