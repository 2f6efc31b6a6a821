// One host of a cluster on one worker, with its pools of HTTP connections, one for each protocol that is
// asked for. Owned by ClusterImpl.
#pragma once
#include <array>
#include <memory>
#include "proxy/upstream/connection_pool.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

class HostPool final : public Host {
 public:
  HostPool(runtime::ThreadContext& thread, ClusterShared& cluster, const Member& member);
  ~HostPool() override;
  /// Answers `w`, now or later.
  void request(PoolWaiter& w);
  /// No longer a member: idle connections close, busy ones do after their requests.
  void retire();
  /// Nothing is running or waiting: may be deleted once the loop turn ends.
  bool unused() const noexcept;
  std::uint32_t tcp_connections = 0;  // leases and attempts that refer to this host

 private:
  PoolKind kind_for(const PoolWaiter& w) const noexcept;
  runtime::ThreadContext& thread_;
  ClusterShared& cluster_;
  std::array<std::unique_ptr<ConnectionPool>, kPoolKinds> pools_;
  bool retired_ = false;
};

}  // namespace outrigger::upstream
