// All clusters, on the main thread: their stats, members and name resolution. Workers get copies of
// the (shared, immutable) membership through functions that the server gives.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/runtime/thread_context.h"
#include "proxy/stats/lease.h"
#include "proxy/upstream/dns.h"
#include "proxy/upstream/dns_caches.h"
#include "proxy/upstream/shared.h"

namespace outrigger::upstream {

class ClusterManager {
 public:
  struct Entry;
  ClusterManager(runtime::ThreadContext& main, stats::Registry& registry);
  ~ClusterManager();

  /// Of the bootstrap, before start(). False: a cluster of this name is there.
  bool add(ClusterConfigPtr config);
  /// After start(): adds the cluster, or puts it in the place of the one of its name. It warms first: until its names
  /// were answered, its first members came and what its config waits for is there, the old one serves. `lease`: the stats
  /// that its config holds. `held`: it waits for something else, too, until release().
  void set(ClusterConfigPtr config, stats::LeasePtr lease, bool held = false);
  void release(std::string_view name);
  /// Requests that it has go on. False: there is none.
  bool remove(std::string_view name);
  /// Members of an EDS cluster (both of the active and of the warming one); the first end its warming.
  void set_members(std::string_view name, const EndpointsPtr& endpoints, const AssignmentPolicy& policy);
  /// It has waited long enough for its first members.
  void stop_waiting(std::string_view name);

  /// Limits that runtime sets over the config, now and for clusters to come.
  void set_runtime(std::shared_ptr<const runtime::Snapshot> snapshot);
  /// Writes a line into the event log of outlier detection. Before the first cluster.
  void log_outliers(std::function<void(std::string_view line)> write) { outlier_log_ = std::move(write); }
  bool known(std::string_view name) const { return active_.contains(name); }
  struct Workers {
    std::function<void(const ClusterSharedPtr&, const HostSetPtr&)> update;
    std::function<void(const std::string& name)> remove;
    DnsCaches::Post on_each;  // calls f with its thread's number; none: there are no workers
  };
  /// Gives every cluster to the workers, now and when something changes; resolves names from now on.
  /// `ready` as in when_warm().
  void start(Workers workers, std::function<void()> ready);
  /// Of dynamic forward proxies.
  DnsCaches& dns_caches() noexcept { return dns_caches_; }
  /// No host is checked any more. Their connections go at the end of the loop's turn.
  void stop_checks();
  /// Calls `f` once no cluster is warming, now or later. Replaces what was asked before.
  void when_warm(std::function<void()> f);
  /// Called with the name of each that begins to serve.
  std::function<void(const std::string&)> on_active;
  std::size_t size() const noexcept { return active_.size(); }
  std::size_t warming() const noexcept { return warming_.size(); }
  /// The active ones, in the order of names.
  void each(const std::function<void(const ClusterShared&, const HostSet&)>& f) const;
  /// Of the cluster that serves; null: none.
  const class OutlierDetector* outliers(std::string_view name) const noexcept;
  /// Is the cluster's config of that name one that still warms?
  bool is_warming(std::string_view name) const { return warming_.contains(name); }
  /// Does that one wait for the first health checks of its members?
  bool awaits_checks(std::string_view name) const noexcept;

 private:
  using EntryPtr = std::shared_ptr<Entry>;
  using Entries = std::map<std::string, EntryPtr, std::less<>>;
  EntryPtr make(ClusterConfigPtr config, stats::LeasePtr lease);
  void activate(const EntryPtr& e);
  void settle(const EntryPtr& e);
  void begin_resolving(Entry& e);
  void apply_runtime(Entry& e);
  void on_answer(Entry& e, std::size_t name, DnsAnswer answer);
  Dns& resolver(const DnsOptions& options);
  void resolve(Entry& e, std::size_t name);
  void resolve_later(Entry& e, std::size_t name, const DnsAnswer& answer);
  void rebuild(Entry& e);
  void watch_destinations(Entry& e);
  void add_destinations(Entry& e);
  void clean_up(Entry& e);
  void follow(const DnsCache& cache, const DnsCaches::Changes& changes);
  void forward_to(Entry& e, const DnsCaches::Changes& changes);
  void watch_outliers(Entry& e);
  void check_outliers(Entry& e);
  void tell_health(Entry& e);
  void publish_health(Entry& e);
  void watch_health(Entry& e);
  void begin_checks(const EntryPtr& e);
  void on_checked(Entry& e, const struct CheckedHost& host);
  void note_checks(Entry& e);
  void replace(Entry& e, std::shared_ptr<HostSet> hosts);
  void build_tables(Entry& e, HostSet& hosts);
  void publish(Entry& e);
  void count_members(Entry& e);
  void count_matches(Entry& e, const Metadata* metadata, std::size_t endpoints);
  void count_clusters();

  runtime::ThreadContext& main_;
  event::Loop& loop_;
  std::shared_ptr<const runtime::Snapshot> runtime_ = std::make_shared<const runtime::Snapshot>();
  stats::Registry& registry_;
  Random& random_;
  stats::BlockHandle stats_;
  stats::NamedBlocks& alt_stats_;
  Entries active_, warming_;
  std::size_t cold_ = 0;                         // of the bootstrap's: those that are not warm
  std::vector<std::unique_ptr<Dns>> resolvers_;  // one for each set of options in use
  DnsCaches dns_caches_;
  stats::BlockHandle dns_stats_;
  std::function<void(std::string_view)> outlier_log_;
  Workers workers_;
  std::function<void()> ready_;
};

}  // namespace outrigger::upstream
