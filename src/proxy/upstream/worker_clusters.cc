#include "proxy/upstream/worker_clusters.h"

namespace outrigger::upstream {

Cluster* WorkerClusters::find(std::string_view name) noexcept {
  const auto at = slots_.find(name);
  if (at == slots_.end()) return nullptr;
  Slot& s = at->second;
  if (s.live == nullptr) s.live = std::make_unique<ClusterImpl>(thread_, s.shared, *s.hosts, local_);
  return s.live.get();
}

void WorkerClusters::set_local(std::string name, LocalityPtr node) {
  local_.name = std::move(name);
  local_.node = std::move(node);
}

void WorkerClusters::update(ClusterSharedPtr shared, HostSetPtr hosts) {
  Slot& s = slots_[shared->config->name];
  s.shared = std::move(shared);
  s.hosts = std::move(hosts);
  if (s.live != nullptr) s.live->update(*s.hosts);
  if (s.shared->config->name != local_.name) return;
  local_.hosts = s.hosts;
  for (auto& [name, other] : slots_)
    if (other.live != nullptr && other.live != s.live) other.live->update_local();
}

}  // namespace outrigger::upstream
