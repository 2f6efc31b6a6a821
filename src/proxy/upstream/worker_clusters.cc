#include "proxy/upstream/worker_clusters.h"

namespace outrigger::upstream {

Cluster* WorkerClusters::find(std::string_view name) noexcept {
  const auto at = slots_.find(name);
  if (at == slots_.end()) return nullptr;
  Slot& s = at->second;
  if (s.live == nullptr) s.live = std::make_unique<ClusterImpl>(thread_, s.shared, *s.hosts);
  return s.live.get();
}

void WorkerClusters::update(ClusterSharedPtr shared, HostSetPtr hosts) {
  Slot& s = slots_[shared->config->name];
  s.shared = std::move(shared);
  s.hosts = std::move(hosts);
  if (s.live != nullptr) s.live->update(*s.hosts);
}

}  // namespace outrigger::upstream
