// Actors that speak bytes instead of HTTP, and what bounds the memory of a connection between them.
#pragma once
#include "unit/sim/scenario.h"

namespace outrigger::sim {

inline const std::string kLimits = "per_connection_buffer_limit_bytes: 65536,";
/// What a direction may hold under kLimits.
inline constexpr std::size_t kBlocks = (64 * 1024 + 2 * Buffer::kBlockBytes) / Buffer::kBlockBytes + 4;

/// Sends back all that comes once its connections are raw.
inline void echo(Server& s) {
  s.on_raw = [](auto& c) {
    c.send(c.peer.in.substr(c.at));
    c.at = c.peer.in.size();
  };
}

inline Server& tcp_server(World& w, const std::string& at = "10.0.1.1:80") {
  auto& up = w.server(at);
  up.on_accept = [](auto& c) { c.raw = true; };
  echo(up);
  return up;
}

inline Client& tcp_client(World& w) {
  auto& c = w.connect();
  c.raw = true;
  return c;
}

}  // namespace outrigger::sim
