#include <cmath>
#include "envoy/extensions/load_balancing_policies/cluster_provided/v3/cluster_provided.pb.h"
#include "envoy/extensions/load_balancing_policies/common/v3/common.pb.h"
#include "envoy/extensions/load_balancing_policies/least_request/v3/least_request.pb.h"
#include "envoy/extensions/load_balancing_policies/maglev/v3/maglev.pb.h"
#include "envoy/extensions/load_balancing_policies/override_host/v3/override_host.pb.h"
#include "envoy/extensions/load_balancing_policies/random/v3/random.pb.h"
#include "envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash.pb.h"
#include "envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.pb.h"
#include "proxy/upstream/hash_tables.h"
#include "proxy/upstream/override_hosts.h"
#include "xds/compile/cluster_parts.h"
#include "xds/compile/convert.h"
#include "xds/compile/endpoints.h"
#include "xds/compile/metadata.h"

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

/// Cut, as Envoy does it: 58 becomes 57.
std::uint32_t whole_percent(const envoy::type::v3::Percent& p) noexcept {
  return static_cast<std::uint32_t>(100 * (p.value() / 100.0));
}

template <class Message>
void compile_localities(const Message& p, upstream::ClusterConfig& o) {
  o.locality_weighted = p.has_locality_weighted_lb_config();
  if (!p.has_zone_aware_lb_config()) return;
  const auto& z = p.zone_aware_lb_config();
  o.fail_traffic_on_panic = z.fail_traffic_on_panic();
  upstream::ZoneRules rules;
  if (z.has_routing_enabled()) rules.enabled_percent = whole_percent(z.routing_enabled());
  if (z.has_min_cluster_size()) rules.cluster_size_min = z.min_cluster_size().value();
  compile_zone_extras(z, rules);
  o.zones = std::make_shared<const upstream::ZoneRules>(rules);
}

/// consistent_hashing_lb_config of the cluster, or of a policy extension.
template <class Message>
void compile_hashing(const Message& p, upstream::HashConfig& o) {
  o.by_hostname = p.use_hostname_for_hashing();
  o.balance_factor = p.hash_balance_factor().value();
}

template <class Message>
void compile_ring_sizes(const Message& p, upstream::HashConfig& o, const Path& at, Problems& problems) {
  if (p.has_minimum_ring_size()) o.ring_min = p.minimum_ring_size().value();
  if (p.has_maximum_ring_size()) o.ring_max = p.maximum_ring_size().value();
  if (o.ring_min > o.ring_max)
    problems.error(at, "ring hash: minimum_ring_size (" + std::to_string(o.ring_min) + ") > maximum_ring_size (" +
                           std::to_string(o.ring_max) + ")");
}

template <class Message>
void compile_table_size(const Message& p, upstream::HashConfig& o, const Path& at, Problems& problems) {
  if (p.has_table_size()) o.table_size = p.table_size().value();
  if (o.table_size != 1 && !upstream::is_prime(o.table_size)) problems.error(at, "The table size of maglev must be prime number");
}

void compile_ring(const policies::ring_hash::v3::RingHash& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  upstream::HashConfig c;
  c.murmur = p.hash_function() == policies::ring_hash::v3::RingHash::MURMUR_HASH_2;
  if (p.has_consistent_hashing_lb_config())
    compile_hashing(p.consistent_hashing_lb_config(), c);
  else
    compile_hashing(p, c);
  compile_ring_sizes(p, c, at, problems);
  o.lb = LbKind::ring_hash;
  o.locality_weighted = p.has_locality_weighted_lb_config();
  o.hash = std::make_unique<const upstream::HashConfig>(c);
}

void compile_maglev(const policies::maglev::v3::Maglev& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  upstream::HashConfig c;
  compile_hashing(p.consistent_hashing_lb_config(), c);
  compile_table_size(p, c, at, problems);
  o.lb = LbKind::maglev;
  o.locality_weighted = p.has_locality_weighted_lb_config();
  o.hash = std::make_unique<const upstream::HashConfig>(c);
}

/// lb_policy RING_HASH or MAGLEV.
void compile_hash_balancing(const Cluster& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  upstream::HashConfig c;
  compile_hashing(p.common_lb_config().consistent_hashing_lb_config(), c);
  if (p.lb_policy() == Cluster::RING_HASH) {
    o.lb = LbKind::ring_hash;
    c.murmur = p.ring_hash_lb_config().hash_function() == Cluster::RingHashLbConfig::MURMUR_HASH_2;
    compile_ring_sizes(p.ring_hash_lb_config(), c, at / "ring_hash_lb_config", problems);
  } else {
    o.lb = LbKind::maglev;
    compile_table_size(p.maglev_lb_config(), c, at / "maglev_lb_config", problems);
  }
  o.hash = std::make_unique<const upstream::HashConfig>(c);
}

std::string type_name(upstream::Discovery d) {
  switch (d) {
    case upstream::Discovery::static_: return "envoy.cluster.static";
    case upstream::Discovery::strict_dns: return "envoy.cluster.strict_dns";
    case upstream::Discovery::logical_dns: return "envoy.cluster.logical_dns";
    case upstream::Discovery::eds: return "envoy.cluster.eds";
    case upstream::Discovery::forward:
    case upstream::Discovery::aggregate: return {};
    case upstream::Discovery::original_dst: return "envoy.cluster.original_dst";
  }
  return {};
}

/// Types that choose hosts themselves, whatever the policy: it has to say so.
bool provides_balancing(upstream::Discovery d) {
  return d == upstream::Discovery::forward || d == upstream::Discovery::aggregate;
}

void compile_provided(const Cluster& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  o.lb = LbKind::cluster_provided;
  if (o.discovery != upstream::Discovery::original_dst && !provides_balancing(o.discovery))
    problems.error(at / "lb_policy", "cluster manager: cluster provided LB specified but cluster '" + p.name() +
                                         "' did not provide one. Check cluster documentation.");
}

void compile_subset(const Cluster& p, const policies::subset::v3::Subset& s, upstream::ClusterConfig& o, const Path& at,
                    Problems& problems);

void compile_override(const Cluster& p, const policies::override_host::v3::OverrideHost& h, upstream::ClusterConfig& o,
                      const Path& at, Problems& problems);

/// Where a list of policies stands: what may be in it.
enum class Place : std::uint8_t { cluster, fallback, subsets };

/// The first policy of `list` that is known.
void compile_policy_list(const Cluster& p, const cluster_v3::LoadBalancingPolicy& list, Place place, upstream::ClusterConfig& o,
                         const Path& at, Problems& problems) {
  std::string names;
  for (const auto& policy : list.policies()) {
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
    if (policies::ring_hash::v3::RingHash r; any.UnpackTo(&r)) return compile_ring(r, o, at, problems);
    if (policies::maglev::v3::Maglev m; any.UnpackTo(&m)) return compile_maglev(m, o, at, problems);
    if (policies::subset::v3::Subset s; place != Place::subsets && any.UnpackTo(&s)) return compile_subset(p, s, o, at, problems);
    if (policies::override_host::v3::OverrideHost h; place == Place::cluster && any.UnpackTo(&h))
      return compile_override(p, h, o, at, problems);
    if (place == Place::cluster && any.Is<policies::cluster_provided::v3::ClusterProvided>())
      return compile_provided(p, o, at, problems);
    names += (names.empty() ? "" : ", ") + policy.typed_extension_config().name();
  }
  const std::string none =
      place == Place::fallback
          ? "dynamic forwarding LB: didn't find a registered fallback load balancer factory with names from " + names
          : "cluster: didn't find a registered load balancer factory implementation for cluster: '" + p.name() +
                "' with names from [" + names + "]";
  problems.error(at, none + ": round_robin, least_request, random, ring_hash and maglev are implemented" +
                         (place == Place::subsets    ? " within subsets"
                          : place == Place::fallback ? ", and subsets of these"
                                                     : ", subsets of these, and override_host around these"));
}

void compile_subset(const Cluster& p, const policies::subset::v3::Subset& s, upstream::ClusterConfig& o, const Path& at,
                    Problems& problems) {
  compile_policy_list(p, s.subset_lb_policy(), Place::subsets, o, at / "subset_lb_policy", problems);
  compile_subset_policy(s, o, at, problems);
}

std::vector<std::string> path_of(const envoy::type::metadata::v3::MetadataKey& key) {
  std::vector<std::string> out;
  for (const auto& part : key.path()) out.push_back(part.key());
  return out;
}

void compile_override(const Cluster& p, const policies::override_host::v3::OverrideHost& h, upstream::ClusterConfig& o,
                      const Path& at, Problems& problems) {
  auto out = std::make_shared<upstream::OverrideHosts>();
  for (int i = 0; i < h.override_host_sources_size(); ++i) {
    const auto& s = h.override_host_sources(i);
    const Path source = at.at("override_host_sources", i);
    if (s.header().empty() && !s.has_metadata()) problems.error(source, "Empty override source");
    if (!s.header().empty() && s.has_metadata()) problems.error(source, "Only one override source must be set");
    out->sources.push_back({lower(s.header()), s.metadata().key(), path_of(s.metadata())});
  }
  out->selected_name = h.selected_host_key().key();
  out->selected_path = path_of(h.selected_host_key());
  o.override_hosts = std::move(out);
  compile_policy_list(p, h.fallback_policy(), Place::fallback, o, at / "fallback_policy", problems);
}

void compile_policy(const Cluster& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  const auto& common = p.common_lb_config();
  if (common.has_healthy_panic_threshold()) o.panic_percent = whole_percent(common.healthy_panic_threshold());
  o.close_on_members_change = common.close_connections_on_host_set_change();
  if (common.has_override_host_status()) {
    o.override_health = {};
    for (const int s : common.override_host_status().statuses())
      o.override_health.add(compile_health(static_cast<envoy::config::core::v3::HealthStatus>(s)));
  }
  if (common.consistent_hashing_lb_config().use_hostname_for_hashing() && o.discovery != upstream::Discovery::strict_dns)
    problems.error(
        at / "common_lb_config" / "consistent_hashing_lb_config" / "use_hostname_for_hashing",
        "Cannot use hostname for consistent hashing loadbalancing for cluster of type: '" + type_name(o.discovery) + "'");
  if (p.has_load_balancing_policy()) {
    const Path here = at / "load_balancing_policy";
    return compile_policy_list(p, p.load_balancing_policy(), Place::cluster, o, here, problems);
  }
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
    case Cluster::MAGLEV: compile_hash_balancing(p, o, at, problems); break;
    case Cluster::LOAD_BALANCING_POLICY_CONFIG:
      problems.error(at / "lb_policy", "cluster: field load_balancing_policy need to be set");
      break;
    default: compile_slow_start(p.round_robin_lb_config(), o); break;
  }
}

}  // namespace

void compile_balancing(const Cluster& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  compile_policy(p, o, at, problems);
  if (provides_balancing(o.discovery) && o.lb != LbKind::cluster_provided)
    problems.error(at / "lb_policy", "cluster manager: cluster provided LB not specified but cluster '" + p.name() +
                                         "' provided one. Check cluster documentation.");
}

}  // namespace outrigger::xds
