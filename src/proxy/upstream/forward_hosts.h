// The hosts of a dynamic forward proxy's cluster on one worker, by the names that requests have. Owned by ClusterImpl.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>
#include "proxy/upstream/dns_cache.h"
#include "proxy/upstream/host_pool.h"

namespace outrigger::upstream {

class ForwardHosts {
 public:
  ForwardHosts(runtime::ThreadContext& thread, const ClusterConfig& config) : thread_(thread), config_(config) {}
  /// Null: not now (`later` says whether it comes), or there is none. `counts`: for want of a healthy one.
  Host* pick(const PickContext& c, bool& counts);
  void update(const std::vector<std::unique_ptr<HostPool>>& hosts);
  /// Null: it is not known, or not healthy.
  Host* find(std::string_view host) noexcept;
  runtime::ThreadContext& thread() noexcept { return thread_; }

 private:
  bool name(const PickContext& c);
  runtime::ThreadContext& thread_;
  const ClusterConfig& config_;
  std::unordered_map<std::string_view, Host*> by_name_;  // keys are the endpoints' hostnames
  std::string name_;                                     // of the request that is looked at; kept for its memory
};

/// Where requests go that name no port.
std::uint16_t default_port_of(const ClusterConfig& config) noexcept;

}  // namespace outrigger::upstream
