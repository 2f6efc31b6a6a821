#include "xds/delivery/clusters.h"

#include "proxy/base/log.h"
#include "xds/compile/cluster.h"
#include "xds/delivery/cluster_update.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

using envoy::config::cluster::v3::Cluster;

ClusterDelivery::ClusterDelivery(const DeliveryContext& c) : c_(c) {}
ClusterDelivery::~ClusterDelivery() = default;

void ClusterDelivery::add_static(const Cluster& cluster) { statics_.push_back(std::make_unique<EndpointDelivery>(c_, cluster)); }

void ClusterDelivery::start(const ConfigSource& source, std::function<void()> answered) {
  answered_ = std::move(answered);
  source_ = source;
  auto& registry = c_.server.registry();
  stats_ = stats::make_block<stats::CdsStat>(registry, "cluster_manager.cds.");
  WatchEvents& self = *this;
  watch_ = c_.sources.watch(source, canonical_type_url(*Cluster::descriptor()), {}, true,
                            Counts::of_source(registry, "cluster_manager.cds."), self);
}

void ClusterDelivery::tell_answered() {
  if (answered_) std::exchange(answered_, nullptr)();
}

Result<void> ClusterDelivery::take(const Update& u, bool on_demand) {
  ClusterUpdate work(*this, u, on_demand);
  while (!work.go_on()) {}
  return work.result();
}

Result<void> ClusterDelivery::on_update(const Update& u) { return take(u, false); }

std::unique_ptr<UpdateWork> ClusterDelivery::begin_update(const Update& u) {
  return std::make_unique<ClusterUpdate>(*this, u, false);
}

/// The end of an update of CDS.
void ClusterDelivery::settle(const Update& u, const Result<void>& taken) {
  if (taken) version_ = u.version;
  if (std::exchange(changed_, false) && taken) {
    auto& registry = c_.server.registry();
    registry.main().add(stats_, stats::CdsStat::config_reload);
    registry.set(stats_, stats::CdsStat::config_reload_time_ms, unix_ms(c_.server.loop().wall()));
  }
  tell_answered();
}

Result<void> ClusterDelivery::take_on_demand(const Update& u) {
  const bool changed = changed_;
  const auto taken = take(u, true);
  changed_ = changed;
  return taken;
}

void ClusterDelivery::hold_answer() {
  auto& clusters = c_.server.clusters();
  if (!answer_when_warm_ || !source_.has_ads() || held_ != nullptr || clusters.warming() == 0) return;
  held_ = c_.sources.pause(source_, canonical_type_url(*Cluster::descriptor()));
  clusters.when_warm([this] { held_ = nullptr; });
}

std::unique_ptr<Client::Pause> ClusterDelivery::pause_endpoints() {
  ConfigSource ads;
  ads.mutable_ads();
  return c_.sources.pause(ads, canonical_type_url(*envoy::config::endpoint::v3::ClusterLoadAssignment::descriptor()));
}

std::string ClusterDelivery::add(const Cluster& message, const std::string& version, bool on_demand, std::uint64_t came) {
  const auto hash = content_hash(message);
  const auto before = known_.find(message.name());
  if (before != known_.end()) on_demand = before->second.on_demand = before->second.on_demand && on_demand;
  if (before != known_.end() && before->second.content == hash) {
    before->second.came = came;
    return {};
  }
  if (before == known_.end() && c_.server.clusters().known(message.name())) {
    LOG_INFO(logger::upstream, "cds: cluster '", message.name(), "' is one of the bootstrap and stays as it is");
    return {};
  }
  Problems problems;
  auto compile = c_.compile(problems);
  stats::Recording recording(c_.server.registry());
  SecretStore::Recording secrets(*compile.secrets);
  auto config = compile_cluster(message, Path(), compile, true);
  const auto lease = recording.take();
  if (config == nullptr) return errors_text(problems);
  Known& k = known_[message.name()];
  const auto& clusters = c_.server.clusters();
  if (clusters.known(message.name()) && !clusters.is_warming(message.name()))
    k.serving = std::make_unique<Known::Serving>(Known::Serving{std::move(k.version), std::move(k.bytes), k.updated});
  k.content = hash;
  k.on_demand = on_demand;
  k.came = came;
  k.version = version;
  k.bytes = redacted_bytes(message);
  k.updated = c_.server.loop().wall();
  k.secrets = secrets.take();
  c_.server.clusters().set(config, lease, !k.secrets.empty());
  changed_ = true;
  for (const auto& s : k.secrets)
    s->on_progress([this, name = message.name(), alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired()) release_if_settled(name);
    });
  release_if_settled(message.name());
  if (message.type() != Cluster::EDS || message.has_cluster_type()) {
    k.endpoints = nullptr;
  } else if (k.endpoints != nullptr && k.endpoints->fits(message)) {
    k.endpoints->give_members();  // a control plane need not send again what it has sent
  } else {
    k.endpoints = std::make_unique<EndpointDelivery>(c_, message);
  }
  if (!clusters.is_warming(message.name())) k.serving = nullptr;
  return {};
}

/// Its secrets came, or were waited for long enough.
void ClusterDelivery::release_if_settled(const std::string& name) {
  const auto at = known_.find(name);
  if (at == known_.end()) return;
  for (const auto& s : at->second.secrets)
    if (!s->settled()) return;
  c_.server.clusters().release(name);
}

namespace {
const char* why_cold(const ClusterDelivery::Known& k) {
  for (const auto& s : k.secrets)
    if (!s->settled()) return "its secrets have not come";
  return k.endpoints != nullptr ? "its endpoints have not come" : "its names are not resolved yet";
}
}  // namespace

void ClusterDelivery::each_warming(const std::function<void(const std::string& name, const char* why)>& f) const {
  for (const auto& [name, k] : known_)
    if (c_.server.clusters().is_warming(name))
      f(name, c_.server.clusters().awaits_checks(name) ? "its hosts are not checked yet" : why_cold(k));
}

void ClusterDelivery::remove(const std::string& name) {
  if (known_.erase(name) == 0) return;
  c_.server.clusters().remove(name);
}

}  // namespace outrigger::xds
