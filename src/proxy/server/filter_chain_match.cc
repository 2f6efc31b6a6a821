#include <algorithm>

#include "proxy/server/listener_config.h"

namespace outrigger::server {

namespace {

using Set = std::vector<const FilterChain*>;

/// Keeps the chains with the best score; score < 0: doesn't match, 0: doesn't ask.
template <class Score>
void keep_best(Set& set, Score score) {
  int best = -1;
  for (const auto* c : set) best = std::max(best, score(c->match));
  set.erase(std::remove_if(set.begin(), set.end(), [&](const auto* c) { return best < 0 || score(c->match) != best; }),
            set.end());
}

int range_score(const std::vector<net::CidrRange>& ranges, const net::Address& a) {
  if (ranges.empty()) return 0;
  int best = -1;
  for (const auto& r : ranges)
    if (a.is_ip() && r.contains(a)) best = std::max(best, 1 + static_cast<int>(r.bits));
  return best;
}

}  // namespace

const FilterChain* find_filter_chain(const ListenerConfig& c, const http::ConnectionInfo& info) {
  const FilterChain* fallback = c.default_chain ? &*c.default_chain : nullptr;
  if (c.chains.size() == 1) {  // nearly all listeners
    const auto& m = c.chains[0].match;
    if (!m.destination_port && m.destination.empty() && m.direct_source.empty() && m.source.empty() && m.source_ports.empty() &&
        m.source_type == FilterChainMatch::any && !m.never)
      return &c.chains[0];
  }
  Set set;
  for (const auto& chain : c.chains) set.push_back(&chain);
  const auto& local = info.local;
  const bool same = info.remote.is_loopback() || info.remote.ip_text() == local.ip_text() || !info.remote.is_ip();
  keep_best(set, [&](const FilterChainMatch& m) {
    return !m.destination_port ? 0 : local.is_ip() && *m.destination_port == local.port() ? 1 : -1;
  });
  keep_best(set, [&](const FilterChainMatch& m) { return range_score(m.destination, local); });
  keep_best(set, [&](const FilterChainMatch& m) { return m.never ? -1 : 0; });
  keep_best(set, [&](const FilterChainMatch& m) { return range_score(m.direct_source, info.direct_remote); });
  keep_best(set, [&](const FilterChainMatch& m) {
    return m.source_type == FilterChainMatch::any ? 0 : (m.source_type == FilterChainMatch::same_ip_or_loopback) == same ? 1 : -1;
  });
  keep_best(set, [&](const FilterChainMatch& m) { return range_score(m.source, info.remote); });
  keep_best(set, [&](const FilterChainMatch& m) {
    if (m.source_ports.empty()) return 0;
    return std::find(m.source_ports.begin(), m.source_ports.end(), info.remote.port()) != m.source_ports.end() ? 1 : -1;
  });
  return set.empty() ? fallback : set.front();
}

}  // namespace outrigger::server
