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
  /// A name to resolve: its last good addresses, and when it is asked again.
  struct Name {
    std::vector<net::Address> addresses;
    bool answered = false;
    unsigned failures = 0;
    std::unique_ptr<event::Timer> timer;
  };
  ClusterManager(event::Loop& loop, stats::Registry& registry, Random& random);
  ~ClusterManager();
  /// Main thread. False: a cluster of this name is there.
  bool add(ClusterConfigPtr config);
  /// Limits that runtime sets over the config, now and for clusters to come.
  void set_runtime(std::shared_ptr<const runtime::Snapshot> snapshot);
  bool known(std::string_view name) const { return entries_.find(name) != entries_.end(); }
  /// Gives every cluster to the workers, now and when members change; resolves names from now on.
  /// `ready` is called once all names had their first answer.
  using Publish = std::function<void(const ClusterSharedPtr&, const HostSetPtr&)>;
  void start(Publish publish, std::function<void()> ready);
  std::size_t size() const noexcept { return entries_.size(); }
  /// In the order of names.
  void each(const std::function<void(const ClusterShared&, const HostSet&)>& f) const;

 private:
  void apply_runtime(Entry& e);
  void on_answer(Entry& e, std::size_t name, DnsAnswer answer);
  Dns& resolver(const DnsOptions& options);
  void resolve(Entry& e, std::size_t name);
  void resolve_later(Entry& e, std::size_t name, const DnsAnswer& answer);
  void rebuild(Entry& e);
  void watch_destinations(Entry& e);
  void add_destinations(Entry& e);
  void clean_up(Entry& e);
  void replace(Entry& e, HostSetPtr hosts);
  void count_members(Entry& e);
  void count_matches(Entry& e, const Metadata* metadata, std::size_t endpoints);
  void ready_if_all();

  event::Loop& loop_;
  std::shared_ptr<const runtime::Snapshot> runtime_ = std::make_shared<const runtime::Snapshot>();
  stats::Registry& registry_;
  Random& random_;
  stats::BlockHandle stats_;
  stats::NamedBlocks& alt_stats_;
  std::map<std::string, std::unique_ptr<Entry>, std::less<>> entries_;
  std::vector<Entry*> order_;
  std::vector<std::unique_ptr<Dns>> resolvers_;  // one for each set of options in use
  stats::BlockHandle dns_stats_;
  Publish publish_;
  std::function<void()> ready_;
  std::size_t warming_ = 0;
};

}  // namespace outrigger::upstream
