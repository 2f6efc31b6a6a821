// What filter state asks of connections to upstreams: whom to ask for, which protocols to offer, what goes along to internal
// listeners. Worker's thread.
#pragma once
#include <string>
#include <vector>
#include "proxy/http/filter_state.h"
#include "proxy/net/transport_socket.h"
#include "proxy/upstream/pool.h"

namespace outrigger::upstream {

/// Its values take the place of those that are there. They are valid as long as the state's. Null: none.
void add_demands(const http::FilterState* state, PeerNames& names) noexcept;
/// A hash that equal names have in common.
std::size_t hash_of(const PeerNames& names) noexcept;
/// Copies of what goes along.
net::SharedStates shared_states(const http::FilterState* state);

/// The names, as connections are made with them.
class Demands {
 public:
  explicit Demands(const PeerNames& names);
  /// Of this object.
  PeerNames names() const noexcept { return names_; }
  net::ConnectDemands with(std::string_view alpn) const noexcept;
  net::SharedStates shared;

 private:
  std::string server_name_, name_list_, name_, protocol_list_, protocols_;
  std::vector<std::string> peers_;
  PeerNames names_;
};

}  // namespace outrigger::upstream
