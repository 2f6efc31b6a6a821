// Entries of filter state that go along with a connection to an internal listener (proxy/http/filter_state.h).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace outrigger::net {

/// What an entry is: keys with a meaning are looked at for entries of their own kind alone.
enum class StateKind : std::uint8_t {
  text,
  server_name,  // SNI of upstream connections
  peer_names,   // of which an upstream's certificate must have one; with commas
  protocols,    // ALPN of upstream connections; with commas
  cluster,
  flag,    // "true" or "false"
  number,  // decimal
  address,
};

struct SharedState {
  std::string key, value;
  StateKind kind = StateKind::text;
  bool hashable = false;
  bool transitive = false;  // goes along with further connections, too
};
using SharedStates = std::vector<SharedState>;

}  // namespace outrigger::net
