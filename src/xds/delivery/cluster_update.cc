#include "xds/delivery/cluster_update.h"

#include "proxy/base/log.h"
#include "proxy/event/give_way.h"

namespace outrigger::xds {

namespace {
constexpr std::size_t kSlice = 100;  // clusters: some milliseconds
}

ClusterUpdate::ClusterUpdate(ClusterDelivery& clusters, const Update& u, bool on_demand)
    : clusters_(clusters),
      u_(u),
      on_demand_(on_demand),
      parse_(news_of<Cluster>(u, names_,
                              [&](const std::string& name) {
                                const auto at = clusters.known().find(name);
                                const bool known = at != clusters.known().end() && (on_demand || !at->second.on_demand);
                                return known ? at->second.came : 0;
                              }),
             clusters.c_) {}

bool ClusterUpdate::go_on() {
  if (!parse_.go_on(kSlice)) return false;
  if (!parse_.refusal()) return true;
  const auto& all = parse_.parsed();
  if (pause_ == nullptr) pause_ = clusters_.pause_endpoints();
  for (std::size_t end = std::min(added_ + kSlice, all.size()); added_ < end; ++added_) add(all[added_]);
  if (added_ < all.size()) return false;
  remove_others();
  return true;
}

void ClusterUpdate::add(const Parsed<Cluster>& p) {
  event::give_way();
  const std::string& name = p.message.name();
  if (!names_.insert(name).second) return refusals_.add(name, "duplicate cluster " + name + " found");
  const auto& version = u_.whole ? u_.version : p.from->version;
  const std::string why = !p.wrong.empty() ? p.wrong : clusters_.add(p.message, version, on_demand_, p.bytes);
  if (!why.empty()) refusals_.add(name, why);
}

void ClusterUpdate::remove_others() {
  std::vector<std::string> gone = u_.removed;
  if (u_.whole && !on_demand_)
    for (const auto& [name, known] : clusters_.known())
      if (!names_.contains(name) && !known.on_demand) gone.push_back(name);
  for (const auto& name : gone) clusters_.remove(name);
  LOG_INFO(logger::upstream, on_demand_ ? "odcds: " : "cds: ", u_.resources.size(), " cluster(s) told, ", gone.size(),
           " removed");
}

Result<void> ClusterUpdate::result() {
  const auto& c = clusters_.c_;
  Result<void> taken = parse_.refusal();
  if (taken) {
    parse_.count_unknown_fields();
    if (c.base->secrets != nullptr) c.base->secrets->sweep();
    clusters_.hold_answer();
    taken = refusals_.result();
  }
  pause_ = nullptr;
  if (!on_demand_) clusters_.settle(u_, taken);
  return taken;
}

}  // namespace outrigger::xds
