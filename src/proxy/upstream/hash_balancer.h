// Picks hosts by hash on one worker: the tables are shared (hash_tables.h), the hosts are the worker's. Owned by ClusterImpl.
#pragma once
#include <memory>
#include <vector>
#include "proxy/base/random.h"
#include "proxy/upstream/hash_tables.h"
#include "proxy/upstream/pool.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

class HashBalancer {
 public:
  HashBalancer(const ClusterShared& cluster, Random& random) : cluster_(cluster), random_(random) {}
  /// `hosts` are those that the tables were built for.
  void update(std::shared_ptr<const HashTables> tables, std::vector<Host*> hosts);
  /// Null: none.
  Host* pick(const PickContext& c, bool& panic);

 private:
  Host& host(std::uint32_t place) const noexcept { return *hosts_[place]; }
  double load(std::uint32_t place, double weight) const noexcept;
  std::uint32_t with_room(const HashTables::Level& level, std::uint32_t first, std::uint64_t hash);
  const ClusterShared& cluster_;
  Random& random_;
  std::shared_ptr<const HashTables> tables_;
  std::vector<Host*> hosts_;
  std::vector<std::uint32_t> order_;  // room to shuffle hosts in
};

}  // namespace outrigger::upstream
