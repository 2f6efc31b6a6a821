// The Cluster of one worker: its hosts with their pools, the load balancer, circuit checks. Made
// when the first request needs it; owned by WorkerClusters.
#pragma once
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>
#include "proxy/upstream/aggregate_hosts.h"
#include "proxy/upstream/cluster.h"
#include "proxy/upstream/forward_hosts.h"
#include "proxy/upstream/hash_balancer.h"
#include "proxy/upstream/host_pool.h"
#include "proxy/upstream/load_balancer.h"
#include "proxy/upstream/original_dst.h"
#include "proxy/upstream/shared.h"
#include "proxy/upstream/subset_balancer.h"

namespace outrigger::upstream {

class ClusterImpl final : public Cluster {
 public:
  ClusterImpl(runtime::ThreadContext& thread, ClusterSharedPtr shared, const HostSet& hosts, const LocalCluster& local,
              ListedClusters& others);
  ~ClusterImpl() override;
  void update(const HostSet& hosts);
  /// The local cluster has other members.
  void update_local();
  /// Removed or replaced: connections close when they are idle, what runs goes on.
  void retire();
  /// After retire(): nothing runs here and nobody keeps it.
  bool unused() const noexcept;

  const ClusterConfig& config() const noexcept override { return *shared_->config; }
  stats::BlockHandle stats() const noexcept override { return shared_->stats; }
  MemberCounts members() const noexcept override {
    return {shared_->members.load(std::memory_order_relaxed), shared_->usable_members.load(std::memory_order_relaxed)};
  }
  const AssignmentPolicy& policy() const noexcept override { return policy_; }
  const Tracking& tracking() const noexcept override { return shared_->tracking; }
  stats::BlockHandle alt_stats(std::string_view name) noexcept override;
  stats::BlockHandle zone_stats(Host& host) noexcept override;
  bool has_host(std::string_view address) override { return find(address) != nullptr; }
  bool may_hash() noexcept override;
  std::uint32_t priority_of(const Host& host) noexcept override;
  const ClusterShared& owner_of(const Host& host) const noexcept override;
  Host* pick(const PickContext& c) override;
  void request_stream(Host& host, PoolWaiter& waiter) override { static_cast<HostPool&>(host).request(waiter); }
  bool admits_connection() noexcept override;
  std::unique_ptr<TcpAttempt> connect(Host& host, TcpWaiter& waiter) override;
  bool try_retry(bool high_priority) noexcept override;
  void retry_done(bool high_priority) noexcept override;
  void report(Host& host, Outcome outcome) noexcept override;
  void see(Host& host, Sight sight, std::uint16_t code) noexcept override;
  void fail_check(Host& host) noexcept override;

 private:
  void update_members(const HostSet& hosts);
  std::vector<HostPool*> note_health();
  void update_destinations(const HostSet& hosts);
  void bury_retired();
  std::vector<Host*> all_hosts() const;
  void balance();
  Host* find(std::string_view address);
  Host* pick_wanted(std::string_view address);
  Host* pick_named(const PickContext& c);
  Host* pick_balanced(const PickContext& c);
  Host* pick_hashed(const PickContext& c);
  Host* pick_forward(const PickContext& c);
  Host* choose(const PickContext& c);
  runtime::ThreadContext& thread_;
  ClusterSharedPtr shared_;
  const LocalCluster& local_;
  AssignmentPolicy policy_;
  std::vector<std::unique_ptr<HostPool>> hosts_, retired_;
  std::unordered_map<std::string_view, Host*> by_address_;  // of hosts_, once a session asks for one
  std::unique_ptr<OriginalDstHosts> original_dst_;          // instead of hosts_; null: the others
  std::unique_ptr<ForwardHosts> forward_;                   // instead of balancer_; null: no dynamic forward proxy
  std::unique_ptr<AggregateHosts> aggregate_;               // instead of balancer_; null: no aggregate
  std::unique_ptr<HashBalancer> hash_;                      // instead of balancer_; null: another balancer
  std::unique_ptr<SubsetBalancer> subset_;                  // instead of balancer_; null: no subsets
  LoadBalancer balancer_;
};

}  // namespace outrigger::upstream
