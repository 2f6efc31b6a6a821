#include "xds/admin/endpoints.h"

#include <google/protobuf/util/json_util.h>
#include <map>

namespace outrigger::xds {

namespace core_v3 = envoy::config::core::v3;

namespace {

/// What balancing makes of it.
core_v3::HealthStatus coarse(upstream::Health h) {
  switch (h) {
    case upstream::Health::unhealthy:
    case upstream::Health::draining:
    case upstream::Health::timeout: return core_v3::UNHEALTHY;
    case upstream::Health::degraded: return core_v3::DEGRADED;
    default: return core_v3::HEALTHY;
  }
}

void write_address(const net::Address& from, core_v3::Address& out) {
  if (from.is_internal()) {
    auto& internal = *out.mutable_envoy_internal_address();
    internal.set_server_listener_name(std::string(from.internal_name()));
    internal.set_endpoint_id(std::string(from.internal_endpoint()));
    return;
  }
  if (!from.is_ip()) return out.mutable_pipe()->set_path(from.text());
  out.mutable_socket_address()->set_address(std::string(from.ip_text()));
  out.mutable_socket_address()->set_port_value(from.port());
}

void write_host(const upstream::Member& m, bool from_dns, endpoint_v3::LbEndpoint& out) {
  const upstream::Endpoint& e = *m.endpoint;
  auto& endpoint = *out.mutable_endpoint();
  write_address(e.address, *endpoint.mutable_address());
  for (const auto& a : e.more->addresses) write_address(a, *endpoint.add_additional_addresses()->mutable_address());
  endpoint.mutable_health_check_config();
  endpoint.set_hostname(e.hostname());
  out.set_health_status(coarse(upstream::health_of(e, *m.stats)));
  out.mutable_load_balancing_weight()->set_value(e.weight);
  if (from_dns) out.mutable_metadata();
  if (e.metadata == nullptr || e.metadata->empty()) return;
  std::string json = "{\"filter_metadata\":";
  e.metadata->append_json(json);
  (void)google::protobuf::util::JsonStringToMessage(json + "}", out.mutable_metadata());
}

}  // namespace

std::vector<ClusterEndpoints> endpoints_of(const server::Server& server) {
  std::vector<ClusterEndpoints> all;
  server.clusters().each([&](const upstream::ClusterShared& c, const upstream::HostSet& hosts) {
    const auto& config = *c.config;
    auto& o = all.emplace_back(ClusterEndpoints{config.added_via_api, {}}).assignment;
    const bool dns = config.discovery == upstream::Discovery::strict_dns || config.discovery == upstream::Discovery::logical_dns;
    o.set_cluster_name(config.eds_name.empty() ? config.name : config.eds_name);
    std::map<std::pair<std::uint32_t, upstream::Locality>, std::vector<const upstream::Member*>> groups;
    for (const auto& m : hosts) groups[{m.endpoint->priority, *m.endpoint->locality}].push_back(&m);
    for (const auto& [key, members] : groups) {
      auto& group = *o.add_endpoints();
      group.mutable_locality()->set_region(key.second.region);
      group.mutable_locality()->set_zone(key.second.zone);
      group.mutable_locality()->set_sub_zone(key.second.sub_zone);
      group.set_priority(key.first);
      group.mutable_load_balancing_weight()->set_value(members.front()->endpoint->locality_weight);
      for (const auto* m : members) write_host(*m, dns, *group.add_lb_endpoints());
    }
    o.mutable_policy()->mutable_overprovisioning_factor()->set_value(hosts.policy.overprovisioning);
  });
  return all;
}

}  // namespace outrigger::xds
