#include "proxy/upstream/worker_clusters.h"

namespace outrigger::upstream {

namespace {
/// How often it is looked whether retired clusters still have something running.
constexpr Duration kBuryInterval = std::chrono::milliseconds(100);
}  // namespace

Cluster* WorkerClusters::find(std::string_view name) noexcept {
  const auto at = slots_.find(name);
  if (at == slots_.end()) return nullptr;
  Slot& s = at->second;
  ListedClusters& others = *this;
  if (s.live == nullptr) s.live = std::make_unique<ClusterImpl>(thread_, s.shared, *s.hosts, local_, others);
  return s.live.get();
}

ListedClusters::Listed WorkerClusters::listed(std::string_view name) const noexcept {
  const auto at = slots_.find(name);
  if (at == slots_.end()) return {};
  return {at->second.shared->config.get(), at->second.hosts.get(), at->second.change};
}

Host* WorkerClusters::pick_of(std::string_view name, const PickContext& c) {
  Cluster* cluster = find(name);
  return cluster == nullptr ? nullptr : cluster->pick(c);
}

bool WorkerClusters::has_hosts(std::string_view name) const noexcept {
  const auto at = slots_.find(name);
  return at != slots_.end() && !at->second.hosts->empty();
}

void WorkerClusters::set_local(std::string name, LocalityPtr node) {
  local_.name = std::move(name);
  local_.node = std::move(node);
}

void WorkerClusters::update(ClusterSharedPtr shared, HostSetPtr hosts) {
  const std::string_view name = shared->config->name;
  auto at = slots_.find(name);
  if (at == slots_.end()) {
    at = slots_.emplace(name, Slot{shared, nullptr, nullptr, 0}).first;
  } else if (at->second.shared != shared) {
    auto node = slots_.extract(at);
    retire(std::move(node.mapped().live));
    node.key() = name;  // the old one's goes with its config
    node.mapped().shared = shared;
    at = slots_.insert(std::move(node)).position;
  }
  Slot& s = at->second;
  s.hosts = std::move(hosts);
  s.change = ++changes_;
  if (s.live != nullptr) s.live->update(*s.hosts);
  if (name != local_.name) return;
  local_.hosts = s.hosts;
  for (auto& [other_name, other] : slots_)
    if (other.live != nullptr && other.live != s.live) other.live->update_local();
}

void WorkerClusters::remove(std::string_view name) {
  const auto at = slots_.find(name);
  if (at == slots_.end()) return;
  ++changes_;
  retire(std::move(at->second.live));
  slots_.erase(at);
}

void WorkerClusters::retire(std::unique_ptr<ClusterImpl> c) {
  if (c == nullptr) return;
  c->retire();
  retired_.push_back(std::move(c));
  if (!bury_.armed()) bury_.arm(kBuryInterval);
}

void WorkerClusters::bury() {
  std::erase_if(retired_, [](const auto& c) { return c->unused(); });
  if (!retired_.empty()) bury_.arm(kBuryInterval);
}

void WorkerClusters::close_all() {
  bury_.cancel();
  slots_.clear();
  retired_.clear();
}

}  // namespace outrigger::upstream
