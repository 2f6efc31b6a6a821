#include "xds/delivery/on_demand_clusters.h"

#include <optional>
#include <set>
#include "proxy/base/log.h"
#include "xds/delivery/posted_demand.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

using envoy::config::cluster::v3::Cluster;
using envoy::config::core::v3::ApiConfigSource;

namespace {
// Clients may choose the names (cluster_header).
constexpr std::size_t kWaitsMost = 4096;    // names that requests wait for
constexpr std::size_t kGivenUpMost = 1000;  // names that were not there, and stay asked for
constexpr std::size_t kNameMost = 4096;     // bytes
}  // namespace

/// One config source, from the first name on.
class OnDemandClusters::Source final : private WatchEvents {
 public:
  /// As Envoy, the stats of a stream of its own are there from the beginning, those of the aggregated one when asked.
  Source(OnDemandClusters& owner, ConfigSource config, std::string collection)
      : owner_(owner), config_(std::move(config)), collection_(std::move(collection)) {
    if (config_.has_ads()) return;
    make_counts();
    auto& registry = owner_.c_.server.registry();
    stats::Recording recording(registry);
    const std::string prefix = std::string(counts_->prefix()) + "control_plane.";
    registry.set(stats::make_block<stats::ControlPlaneStat>(registry, prefix), stats::ControlPlaneStat::connected_state, 0);
    registry.set(registry.text_readout(prefix + "identifier"), "");
    stream_lease_ = recording.take();
  }

  void add(const std::string& name) {
    if (!collection_.empty()) return add_collection();
    if (!names_.insert(name).second) return;
    if (config_.has_ads()) {  // as Envoy: each for itself
      auto one = std::make_unique<One>(*this, name);
      one->watch = watch({name}, *one);
      singles_.emplace(name, std::move(one));
    } else if (watch_ == nullptr) {
      WatchEvents& self = *this;
      watch_ = watch(names_, self);
    } else {
      watch_->want(names_);
    }
  }

  void drop(const std::string& name) {
    if (names_.erase(name) == 0) return;
    if (watch_ != nullptr) watch_->want(names_);
    singles_.erase(name);
  }

  OnDemandClusters& owner() noexcept { return owner_; }

 private:
  /// All of it, whichever name is wanted first.
  void add_collection() {
    if (watch_ != nullptr) return;
    WatchEvents& self = *this;
    const bool glob = collection_.ends_with("/*");
    watch_ = watch({collection_}, self, glob ? collection_.substr(0, collection_.size() - 1) : std::string());
  }

  /// A name on the aggregated stream.
  struct One final : WatchEvents {
    One(Source& s, std::string n) : source(s), name(std::move(n)) {}
    Result<void> on_update(const Update& u) override { return source.on_update(u); }
    void on_fetch_timeout() override { source.owner_.give_up(name, Arrival::missing); }
    Source& source;
    std::string name;
    std::unique_ptr<Watch> watch;
  };

  void make_counts() {
    if (counts_) return;
    stats::Recording recording(owner_.c_.server.registry());
    counts_ = Counts::of_source(owner_.c_.server.registry(), "cluster_manager.odcds.");
    lease_ = recording.take();
  }

  std::unique_ptr<Watch> watch(std::set<std::string> names, WatchEvents& events, std::string space = {}) {
    make_counts();
    return owner_.c_.sources.watch(config_, canonical_type_url(*Cluster::descriptor()), std::move(names), false, *counts_, events,
                                   std::move(space));
  }

  Result<void> on_update(const Update& u) override {
    const auto removed = u.removed;
    const auto taken = owner_.clusters_.take_on_demand(u);
    for (const auto& name : removed) owner_.give_up(name, Arrival::missing);
    return taken;
  }

  OnDemandClusters& owner_;
  ConfigSource config_;
  std::string collection_;  // empty: clusters are asked for by name
  stats::LeasePtr lease_, stream_lease_;
  std::optional<Counts> counts_;
  std::set<std::string> names_;
  std::map<std::string, std::unique_ptr<One>> singles_;
  std::unique_ptr<Watch> watch_;
};

OnDemandClusters::OnDemandClusters(const DeliveryContext& c, ClusterDelivery& clusters) : c_(c), clusters_(clusters) {
  c_.server.clusters().on_active = [this](const std::string& name) { waits_.erase(name); };
}
OnDemandClusters::~OnDemandClusters() { c_.server.clusters().on_active = nullptr; }

DemandPtr OnDemandClusters::demand(const ConfigSource& source, const std::string& collection, const Path& at,
                                   Problems& problems) {
  const auto errors = problems.errors();
  const auto kind = source.api_config_source().api_type();
  if (source.has_path_config_source() || !source.path().empty())
    problems.error(at, "clusters on demand cannot come from a file, which is not told what is asked for: use ads or DELTA_GRPC");
  else if (source.has_api_config_source() && kind != ApiConfigSource::DELTA_GRPC)
    problems.error(at / "api_config_source" / "api_type", "clusters on demand come by DELTA_GRPC (or ads)");
  else
    c_.sources.check(source, at, problems);
  if (problems.errors() != errors) return nullptr;
  auto& known = sources_[source.SerializeAsString() + collection];
  if (known == nullptr) known = std::make_shared<Source>(*this, source, collection);
  return posted_demand(c_.server.loop(), std::weak_ptr(known), [](Source& s, const std::string& name, Duration patience) {
    s.owner().want(s, name, patience);
  });
}

void OnDemandClusters::want(Source& source, const std::string& name, Duration patience) {
  if (c_.server.clusters().known(name)) return wake(name, Arrival::came);
  if (waits_.contains(name)) return;
  if (waits_.size() >= kWaitsMost || name.size() > kNameMost) {
    LOG_WARN(logger::upstream,
             "odcds: a cluster is not asked for: ", name.size() > kNameMost ? "its name is too long" : "too many are waited for");
    return wake(name, Arrival::missing);
  }
  LOG_DEBUG(logger::upstream, "odcds: requesting for cluster name ", name);
  source.add(name);
  auto end = std::make_unique<event::Callback>(c_.server.loop().timers(), [this, name] { on_late(name); });
  end->arm(patience);
  waits_.emplace(name, Wait{std::move(end), &source});
}

void OnDemandClusters::on_late(const std::string& name) {
  const std::string late = name;  // it belongs to the timer, which ends
  LOG_DEBUG(logger::upstream, "odcds: cluster '", late, "' did not come in time");
  give_up(late, Arrival::late);
}

void OnDemandClusters::give_up(const std::string& name, Arrival why) {
  const auto at = waits_.find(name);
  if (at == waits_.end()) return;
  const std::string gone = at->first;
  Source* source = at->second.source;
  std::shared_ptr<event::Timer> end = std::move(at->second.end);  // it may be what runs
  c_.server.loop().post([end] {});
  waits_.erase(at);
  given_up_.push_back({gone, source});
  if (given_up_.size() > kGivenUpMost) {
    const auto oldest = std::move(given_up_.front());
    given_up_.pop_front();
    if (oldest.name != gone && !waits_.contains(oldest.name) && !c_.server.clusters().known(oldest.name))
      oldest.source->drop(oldest.name);
  }
  wake(gone, why);
}

void OnDemandClusters::wake(const std::string& name, Arrival a) {
  c_.server.post_to_workers([name, a](server::Worker& w) { w.awaited_clusters().wake(name, a); });
}

}  // namespace outrigger::xds
