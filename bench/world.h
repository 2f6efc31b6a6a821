// What the bench's control plane serves: one listener, a virtual host and a cluster for each of N names, and their
// endpoints. The first and the last cluster lead to a server that is there, the others to addresses that nobody asks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace outrigger::bench {

/// All of it is in the config that a proxy gets; a push changes some.
struct World {
  unsigned clusters = 1, endpoints = 3;  // of each cluster
  bool eds = true;                       // otherwise endpoints are in the clusters
  unsigned salt = 0;                     // another one: all clusters are others
  unsigned route = 0;                    // told by the first virtual host's header x-route
  unsigned cluster = 0;                  // another one: the first cluster is another, of other endpoints
  std::uint16_t listener = 0;            // port; 0: no listener
  std::uint16_t upstream = 0, other = 0;
  bool moved = false;  // the first cluster's endpoints: `other` instead of `upstream`
};

/// Serialised.
struct Made {
  std::string name, bytes;
};
struct Kind {
  const char* type;  // full name of the message
  bool wildcard;     // to name none is to ask for all
  std::vector<Made> resources;
};
/// Of no other world.
std::string key_of(const World& w);
/// In the order in which proxies want them: clusters, endpoints, listeners, routes.
std::vector<Kind> make(const World& w);

}  // namespace outrigger::bench
