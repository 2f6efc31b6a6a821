#include "xds/delivery/endpoints.h"

#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "xds/compile/endpoints.h"
#include "xds/compile/plain_endpoints.h"
#include "xds/delivery/resources.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

using Assignment = envoy::config::endpoint::v3::ClusterLoadAssignment;

EndpointDelivery::EndpointDelivery(const DeliveryContext& c, const envoy::config::cluster::v3::Cluster& cluster)
    : c_(c), cluster_(cluster.name()), asked_(bytes_hash(cluster.eds_cluster_config().SerializeAsString())) {
  const auto& config = cluster.eds_cluster_config();
  if (config.service_name() != cluster_) service_ = config.service_name();
  const std::string& stat_name = cluster.alt_stat_name().empty() ? cluster_ : cluster.alt_stat_name();
  auto& registry = c_.server.registry();
  stats::Recording recording(registry);
  const std::string prefix = "cluster." + stats::sanitize(stat_name) + ".";
  const auto counts = Counts::of_cluster(registry, prefix);
  stats_ = stats::make_block<stats::ClusterStat>(registry, prefix);
  lease_ = recording.take();
  WatchEvents& self = *this;
  watch_ =
      c_.sources.watch(config.eds_config(), canonical_type_url(*Assignment::descriptor()), {assignment()}, false, counts, self);
}

EndpointDelivery::~EndpointDelivery() = default;

void EndpointDelivery::give_members() const {
  if (told_) c_.server.clusters().set_members(cluster_, endpoints_, policy_);
  if (settled_) c_.server.clusters().stop_waiting(cluster_);
}

/// What is refused is not waited for any longer, either.
Result<void> EndpointDelivery::on_update(const Update& u) {
  const auto taken = take(u);
  if (!std::exchange(settled_, true)) give_members();
  return taken;
}

Result<void> EndpointDelivery::take(const Update& u) {
  if (u.resources.empty()) {
    c_.server.registry().main().add(stats_, stats::ClusterStat::update_empty);
    return {};
  }
  auto& registry = c_.server.registry();
  if (u.resources.size() == 1 && came_before(*u.resources[0], came_, canonical_type_url(*Assignment::descriptor()))) {
    registry.main().add(stats_, stats::ClusterStat::update_no_rebuild);
    return {};
  }
  if (u.resources.size() == 1 && take_plain(*u.resources[0])) return {};
  auto parsed = parse_one<Assignment>(u, c_, "EDS");
  if (!parsed) return parsed.error();
  const Assignment& m = parsed->message;
  if (m.cluster_name() != assignment())
    return Error{Errc::invalid_config, "Unexpected EDS cluster (expecting " + assignment() + "): " + m.cluster_name()};
  const auto hash = content_hash(m);
  if (told_ && hash == content_) {
    came_ = parsed->bytes;
    registry.main().add(stats_, stats::ClusterStat::update_no_rebuild);
    return {};
  }
  Problems problems;
  const Path root;
  const auto policy = compile_assignment_policy(m.policy(), root / "policy", problems);
  auto endpoints = compile_endpoint_list(m, Path(), problems);
  if (!problems.ok())
    return Error{Errc::invalid_config, "Error updating endpoints of " + m.cluster_name() + ": " + errors_text(problems)};
  content_ = hash;
  use(std::move(endpoints), policy, parsed->bytes);
  return {};
}

/// False: it must be looked at as a message.
bool EndpointDelivery::take_plain(const Resource& r) {
  if (r.type_url != canonical_type_url(*Assignment::descriptor())) return false;
  auto plain = read_plain_assignment(r.body);
  if (!plain || plain->cluster_name != assignment()) return false;
  content_ = 0;  // not known: the same in other bytes is compared host by host
  use(std::move(plain->endpoints), {}, bytes_hash(r.body));
  return true;
}

void EndpointDelivery::use(std::vector<upstream::EndpointPtr> endpoints, const upstream::AssignmentPolicy& policy,
                           std::uint64_t came) {
  endpoints.shrink_to_fit();
  endpoints_ = std::make_shared<const std::vector<upstream::EndpointPtr>>(std::move(endpoints));
  policy_ = policy;
  came_ = came;
  told_ = true;
  if (settled_) give_members();
}

void EndpointDelivery::on_fetch_timeout() {
  settled_ = true;
  c_.server.clusters().stop_waiting(cluster_);
}

}  // namespace outrigger::xds
