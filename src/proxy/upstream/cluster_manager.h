// All clusters, on the main thread: their stats, members and name resolution. Workers get copies of
// the (shared, immutable) membership through a function that the server gives.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include "proxy/upstream/dns.h"
#include "proxy/upstream/shared.h"

namespace outrigger::upstream {

class ClusterManager {
 public:
  struct Entry;
  ClusterManager(event::Loop& loop, stats::Registry& registry, Random& random);
  ~ClusterManager();
  /// Main thread. False: a cluster of this name is there.
  bool add(ClusterConfigPtr config);
  bool known(std::string_view name) const { return entries_.find(name) != entries_.end(); }
  /// Gives every cluster to the workers, now and when members change; resolves names from now on.
  /// `ready` is called once all names had their first answer.
  using Publish = std::function<void(const ClusterSharedPtr&, const HostSetPtr&)>;
  void start(Publish publish, std::function<void()> ready);
  std::size_t size() const noexcept { return entries_.size(); }
  /// In the order of the config.
  void each(const std::function<void(const ClusterShared&, const HostSet&)>& f) const;

 private:
  void on_answer(Entry& e, std::size_t name, DnsAnswer answer);
  void resolve(Entry& e, std::size_t name);
  void resolve_later(Entry& e, std::size_t name, const DnsAnswer& answer);
  void rebuild(Entry& e);
  void count_members(Entry& e);
  void count_matches(Entry& e, std::size_t endpoints);
  void ready_if_all();

  event::Loop& loop_;
  stats::Registry& registry_;
  Random& random_;
  stats::BlockHandle stats_;
  std::map<std::string, std::unique_ptr<Entry>, std::less<>> entries_;
  std::vector<Entry*> order_;
  std::unique_ptr<Dns> dns_;
  Publish publish_;
  std::function<void()> ready_;
  std::size_t warming_ = 0;
};

}  // namespace outrigger::upstream
