#include "proxy/server/listener_config.h"

#include "proxy/route/match_tree.h"

namespace outrigger::server {

const FilterChain* find_filter_chain(const ListenerConfig& c, const http::ConnectionInfo& info) {
  const auto at = c.chain_matcher != nullptr ? c.chain_matcher->find(info) : c.chain_index.find(info);
  if (!at) return c.default_chain ? &*c.default_chain : nullptr;
  return *at < c.chains.size() ? &c.chains[*at] : nullptr;
}

}  // namespace outrigger::server
