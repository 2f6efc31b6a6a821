// Hosts of a cluster without connections, and a load balancer over them.
#pragma once
#include <catch2/catch.hpp>
#include <cmath>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "proxy/upstream/load_balancer.h"

namespace outrigger::test {

struct HostSpec {
  std::uint32_t weight = 1;
  upstream::Health health = upstream::Health::unknown;
  std::uint32_t priority = 0;
};

/// Named "a", "b", ... in the order given.
class Hosts {
 public:
  explicit Hosts(const std::vector<HostSpec>& specs) {
    for (const auto& s : specs) {
      auto e = std::make_shared<upstream::Endpoint>();
      e->set_hostname(std::string(1, static_cast<char>('a' + all_.size())));
      e->weight = s.weight;
      e->health = s.health;
      e->priority = s.priority;
      all_.emplace_back(std::move(e), std::make_shared<upstream::HostStats>(), TimePoint{});
    }
  }
  std::vector<upstream::Host*> pointers() {
    std::vector<upstream::Host*> out;
    for (auto& h : all_) out.push_back(&h);
    return out;
  }
  upstream::Host& operator[](std::size_t i) { return all_[i]; }

 private:
  std::deque<upstream::Host> all_;
};

/// "-": none was picked.
inline std::string name_of(const upstream::Host* h) { return h == nullptr ? "-" : h->endpoint().hostname(); }

/// A count of n draws with probability p is within five standard deviations: one run in a million is not.
inline void check_share(int count, int n, double p) {
  INFO(count << " of " << n << ", expected share " << p);
  CHECK(std::abs(count - n * p) <= 5 * std::sqrt(n * p * (1 - p)));
}

}  // namespace outrigger::test
