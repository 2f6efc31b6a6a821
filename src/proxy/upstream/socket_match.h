// transport_socket_matches: which socket the connections of an endpoint get. Any thread.
#pragma once
#include "proxy/upstream/cluster_config.h"

namespace outrigger::upstream {

/// The first match that the endpoint's metadata has all fields of; null: none.
inline const SocketMatch* find_socket_match(const ClusterConfig& c, const Metadata* metadata) noexcept {
  if (c.socket_matches.empty()) return nullptr;
  static const std::vector<std::string> whole;
  const auto* have = metadata == nullptr ? nullptr : metadata->find("envoy.transport_socket_match", whole);
  for (const auto& m : c.socket_matches) {
    bool all = true;
    for (const auto& [name, want] : m.fields.fields) {
      const auto* value = have == nullptr ? nullptr : have->field(name);
      all = all && value != nullptr && *value == want;
    }
    if (all) return &m;
  }
  return nullptr;
}

/// Null: plain.
inline const net::UpstreamSocket* socket_for(const ClusterConfig& c, const Metadata* metadata) noexcept {
  const auto* match = find_socket_match(c, metadata);
  return match == nullptr ? c.socket.get() : match->socket.get();
}

}  // namespace outrigger::upstream
