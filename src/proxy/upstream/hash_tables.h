// Consistent hashing: which host has which part of all hashes. The tables of a cluster are built on the main thread for
// each host set, and shared by the workers; a pick is O(log n) in a ring and O(1) in a maglev table. Hosts are told by
// their places in the host set.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>
#include "proxy/upstream/priority_load.h"
#include "proxy/upstream/shared.h"

namespace outrigger::upstream {

/// Places of hosts, in as few bytes as the highest needs.
class Places {
 public:
  Places() = default;
  Places(std::size_t count, std::size_t hosts) : width_(hosts <= 0x100 ? 1 : hosts <= 0x10000 ? 2 : 4), bytes_(count * width_) {}
  std::size_t size() const noexcept { return width_ == 0 ? 0 : bytes_.size() / width_; }
  std::uint32_t operator[](std::size_t i) const noexcept;
  void set(std::size_t i, std::uint32_t place) noexcept;

 private:
  std::size_t width_ = 0;
  std::vector<std::uint8_t> bytes_;
};

/// A host with its share of all weights.
struct HashHost {
  std::uint32_t place = 0;
  std::string_view key;
  double weight = 0;
};

/// The fewest and the most parts that a host has.
struct HashSpread {
  std::uint64_t size = 0, least = 0, most = 0;
};

/// Parts of all hashes, in order.
class HashRing {
 public:
  HashRing() = default;
  HashRing(const std::vector<HashHost>& hosts, std::size_t places, const HashConfig& config, HashSpread& spread);
  bool empty() const noexcept { return ends_.empty(); }
  /// Not empty. `attempt`: how many hosts before were not wanted.
  std::uint32_t pick(std::uint64_t hash, std::uint32_t attempt) const noexcept;

 private:
  std::vector<std::uint64_t> ends_;
  Places hosts_;
};

/// Google's table: each host has its own order in which it takes free entries.
class MaglevTable {
 public:
  MaglevTable() = default;
  MaglevTable(std::vector<HashHost> hosts, std::size_t places, std::uint64_t size, HashSpread& spread);
  bool empty() const noexcept { return entries_.size() == 0; }
  std::uint32_t pick(std::uint64_t hash, std::uint32_t attempt) const noexcept;

 private:
  Places entries_;
};

struct HashTables {
  struct Level {  // a priority
    HashRing ring;
    MaglevTable maglev;
    bool panic = false;
    std::vector<HashHost> hosts;  // with a limit of load only; keys are gone
    std::vector<double> weights;  // by place, with the same
    bool empty() const noexcept { return ring.empty() && maglev.empty(); }
    std::uint32_t pick(std::uint64_t hash, std::uint32_t attempt) const noexcept {
      return ring.empty() ? maglev.pick(hash, attempt) : ring.pick(hash, attempt);
    }
  };
  std::vector<Level> levels;
  std::vector<PriorityShare> shares;
};

/// The cluster has a HashConfig. `by_locality`: the weights of localities count.
std::shared_ptr<const HashTables> build_hash_tables(const ClusterConfig& config, const HostSet& hosts,
                                                    std::uint64_t panic_threshold, bool by_locality, HashSpread& spread);

std::uint64_t murmur2(std::string_view bytes, std::uint64_t seed) noexcept;
bool is_prime(std::uint64_t n) noexcept;

}  // namespace outrigger::upstream
