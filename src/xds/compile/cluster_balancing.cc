#include <cmath>
#include "envoy/extensions/load_balancing_policies/common/v3/common.pb.h"
#include "envoy/extensions/load_balancing_policies/least_request/v3/least_request.pb.h"
#include "envoy/extensions/load_balancing_policies/random/v3/random.pb.h"
#include "envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.pb.h"
#include "xds/compile/cluster_parts.h"
#include "xds/compile/convert.h"

namespace outrigger::xds {

namespace cluster_v3 = envoy::config::cluster::v3;
namespace policies = envoy::extensions::load_balancing_policies;
using Cluster = cluster_v3::Cluster;
using upstream::LbKind;

namespace {

/// The message of the cluster, or the same of a policy extension.
template <class Message>
void compile_slow_start(const Message& p, upstream::ClusterConfig& o) {
  if (!p.has_slow_start_config()) return;
  const auto& s = p.slow_start_config();
  if (!s.has_slow_start_window()) return;  // Envoy starts nothing slowly then
  auto& slow = o.slow_start.emplace();
  slow.window = to_duration(s.slow_start_window());
  if (s.has_aggression()) slow.aggression = to_runtime(s.aggression());
  if (s.has_min_weight_percent()) slow.weight_min = s.min_weight_percent().value() / 100;
}

template <class Message>
void compile_least_request(const Message& p, upstream::ClusterConfig& o) {
  o.lb = LbKind::least_request;
  if (p.has_choice_count()) o.choice_count = p.choice_count().value();
  if (p.has_active_request_bias()) o.active_request_bias = to_runtime(p.active_request_bias());
  compile_slow_start(p, o);
}

/// What only the policy extensions have.
void compile_zone_extras(const Cluster::CommonLbConfig::ZoneAwareLbConfig&, upstream::ZoneRules&) {}
void compile_zone_extras(const policies::common::v3::LocalityLbConfig::ZoneAwareLbConfig& p, upstream::ZoneRules& o) {
  using Zones = policies::common::v3::LocalityLbConfig::ZoneAwareLbConfig;
  o.by_weight = p.locality_basis() == Zones::HEALTHY_HOSTS_WEIGHT;
  if (p.has_force_local_zone())
    o.forced_size_min = p.force_local_zone().has_min_size() ? p.force_local_zone().min_size().value() : 1;
  else if (p.force_locality_direct_routing())
    o.forced_size_min = 1;
}

template <class Message>
void compile_localities(const Message& p, upstream::ClusterConfig& o) {
  o.locality_weighted = p.has_locality_weighted_lb_config();
  if (!p.has_zone_aware_lb_config()) return;
  const auto& z = p.zone_aware_lb_config();
  o.fail_traffic_on_panic = z.fail_traffic_on_panic();
  upstream::ZoneRules rules;
  if (z.has_routing_enabled()) rules.enabled_percent = static_cast<std::uint32_t>(std::lround(z.routing_enabled().value()));
  if (z.has_min_cluster_size()) rules.cluster_size_min = z.min_cluster_size().value();
  compile_zone_extras(z, rules);
  o.zones = std::make_shared<const upstream::ZoneRules>(rules);
}

/// The first policy of the list that is known.
void compile_policy_list(const Cluster& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  std::string names;
  for (const auto& policy : p.load_balancing_policy().policies()) {
    const auto& any = policy.typed_extension_config().typed_config();
    if (any.Is<policies::round_robin::v3::RoundRobin>()) {
      policies::round_robin::v3::RoundRobin r;
      any.UnpackTo(&r);
      o.lb = LbKind::round_robin;
      compile_slow_start(r, o);
      return compile_localities(r.locality_lb_config(), o);
    }
    if (any.Is<policies::random::v3::Random>()) {
      policies::random::v3::Random r;
      any.UnpackTo(&r);
      o.lb = LbKind::random;
      return compile_localities(r.locality_lb_config(), o);
    }
    if (any.Is<policies::least_request::v3::LeastRequest>()) {
      policies::least_request::v3::LeastRequest l;
      any.UnpackTo(&l);
      compile_least_request(l, o);
      o.full_scan = l.selection_method() == policies::least_request::v3::LeastRequest::FULL_SCAN || l.enable_full_scan().value();
      return compile_localities(l.locality_lb_config(), o);
    }
    names += (names.empty() ? "" : ", ") + policy.typed_extension_config().name();
  }
  problems.error(at, "cluster: didn't find a registered load balancer factory implementation for cluster: '" + p.name() +
                         "' with names from [" + names + "]: round_robin, least_request and random are implemented");
}

void compile_provided(const Cluster& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  o.lb = LbKind::cluster_provided;
  if (o.discovery != upstream::Discovery::original_dst)
    problems.error(at / "lb_policy", "cluster manager: cluster provided LB specified but cluster '" + p.name() +
                                         "' did not provide one. Check cluster documentation.");
}

}  // namespace

void compile_balancing(const Cluster& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  const auto& common = p.common_lb_config();
  if (common.has_healthy_panic_threshold())
    o.panic_percent = static_cast<std::uint32_t>(common.healthy_panic_threshold().value());
  o.close_on_members_change = common.close_connections_on_host_set_change();
  if (p.has_load_balancing_policy()) return compile_policy_list(p, o, at / "load_balancing_policy", problems);
  compile_localities(common, o);
  const bool original_dst = o.discovery == upstream::Discovery::original_dst;
  if (original_dst && p.lb_policy() != Cluster::CLUSTER_PROVIDED)
    return problems.error(at / "lb_policy", "cluster: LB policy " + Cluster::LbPolicy_Name(p.lb_policy()) +
                                                " is not valid for Cluster type ORIGINAL_DST. Only 'CLUSTER_PROVIDED' is "
                                                "allowed with cluster type 'ORIGINAL_DST'");
  switch (p.lb_policy()) {
    case Cluster::LEAST_REQUEST: compile_least_request(p.least_request_lb_config(), o); break;
    case Cluster::RANDOM: o.lb = LbKind::random; break;
    case Cluster::CLUSTER_PROVIDED: compile_provided(p, o, at, problems); break;
    case Cluster::RING_HASH:
    case Cluster::MAGLEV:
      problems.error(at / "lb_policy",
                     Cluster::LbPolicy_Name(p.lb_policy()) + " is known to Envoy and not implemented by Outrigger");
      break;
    case Cluster::LOAD_BALANCING_POLICY_CONFIG:
      problems.error(at / "lb_policy", "cluster: field load_balancing_policy need to be set");
      break;
    default: compile_slow_start(p.round_robin_lb_config(), o); break;
  }
}

}  // namespace outrigger::xds
