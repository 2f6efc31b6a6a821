// How a cluster's hosts are found by a hash of the request: ring hash and maglev. Immutable, made by xds/compile.
#pragma once
#include <cstdint>

namespace outrigger::upstream {

struct HashConfig {
  bool murmur = false;  // hashes of the ring: murmur2 instead of xxHash
  std::uint64_t ring_min = 1024, ring_max = 8 * 1024 * 1024;
  std::uint64_t table_size = 65537;  // of maglev; a prime number
  bool by_hostname = false;          // hosts are hashed by their names, not by addresses
  std::uint32_t balance_factor = 0;  // no host has more than so many percent of the average load; 0: whatever it has
};

}  // namespace outrigger::upstream
