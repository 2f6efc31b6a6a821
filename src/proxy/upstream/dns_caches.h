// The DNS caches of dynamic forward proxies, on the main thread: which names there are, when each is asked again, and when
// it goes. Workers see them as DnsCache. Owned by the ClusterManager.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>
#include "proxy/base/result.h"
#include "proxy/runtime/thread_context.h"
#include "proxy/upstream/dns.h"
#include "proxy/upstream/dns_cache.h"

namespace outrigger::upstream {

/// Any time up to `base`, which doubles with each failure up to `max`.
Duration failure_wait(Duration base, Duration max, unsigned failures, Random& random);

class DnsCaches {
 public:
  using Resolver = std::function<Dns&(const DnsOptions&)>;
  DnsCaches(runtime::ThreadContext& main, stats::Registry& registry, Resolver resolver);
  ~DnsCaches();
  /// The cache of that name, made when there is none; its config must be the same. `threads`: those that will use it, main
  /// among them (see ThreadContext::number).
  Result<DnsCachePtr> get(const DnsCacheConfig& config, std::size_t threads);

  struct Change {
    std::string host;
    ResolvedHostPtr now;  // null: it is gone
  };
  using Changes = std::vector<Change>;
  /// Of hosts that had an address, or have one: before workers hear of it.
  std::function<void(const DnsCache&, const Changes&)> on_change;
  /// Calls f with the thread's number on every thread but this.
  using Post = std::function<void(const std::function<void(std::size_t)>& f)>;
  /// Until then nothing is resolved.
  void start(Post post);
  void set_runtime(std::shared_ptr<const runtime::Snapshot> snapshot);
  /// Those of a cache that have an address.
  Changes known(const DnsCache& cache) const;

 private:
  struct Name;
  struct Cache;
  using CachePtr = std::shared_ptr<Cache>;
  DnsCachePtr make(const DnsCacheConfig& config, std::size_t threads);
  void let_go(std::unique_ptr<Name> n);
  void sweep();
  void ask(Cache& c, const std::string& host);
  void add(Cache& c, const std::string& host);
  void remove(Cache& c, const std::string& host, bool told);
  void resolve(Cache& c, Name& n);
  void on_answer(Cache& c, const std::string& host, std::uint64_t id, const DnsAnswer& answer);
  void on_timeout(Cache& c, Name& n);
  void on_refresh(Cache& c, const std::string& host);
  void finish(Cache& c, Name& n, const DnsAnswer& answer, std::string details);
  void refresh_later(Name& n, const Cache& c, const DnsAnswer& answer);
  void note(Cache& c, const std::string& host, ResolvedHostPtr now, bool of_members);
  void tell(Cache& c);
  void preresolve(Cache& c);
  void apply_runtime(Cache& c);
  runtime::ThreadContext& main_;
  event::Loop& loop_;
  stats::Registry& registry_;
  Resolver resolver_;
  std::map<std::string, CachePtr, std::less<>> caches_;
  Post post_;
  std::shared_ptr<const runtime::Snapshot> runtime_;  // null: none yet
  std::uint64_t last_id_ = 0;
};

}  // namespace outrigger::upstream
