#include "xds/compile/endpoints.h"

#include <unordered_set>
#include "envoy/config/core/v3/proxy_protocol.pb.h"
#include "proxy/net/first_of.h"
#include "xds/compile/convert.h"
#include "xds/compile/metadata.h"

namespace outrigger::xds {

namespace core_v3 = envoy::config::core::v3;
namespace endpoint_v3 = envoy::config::endpoint::v3;

upstream::Health compile_health(core_v3::HealthStatus s) {
  switch (s) {
    case core_v3::HEALTHY: return upstream::Health::healthy;
    case core_v3::UNHEALTHY: return upstream::Health::unhealthy;
    case core_v3::DRAINING: return upstream::Health::draining;
    case core_v3::TIMEOUT: return upstream::Health::timeout;
    case core_v3::DEGRADED: return upstream::Health::degraded;
    default: return upstream::Health::unknown;
  }
}

namespace {

/// What PROXY headers to an endpoint tell besides what the cluster's socket is configured to.
std::vector<net::ProxyTlv> compile_proxy_tlvs(const core_v3::Metadata& p, const Path& at, Problems& problems) {
  static const std::string kName = "envoy.transport_sockets.proxy_protocol";
  std::vector<net::ProxyTlv> out;
  const auto found = p.typed_filter_metadata().find(kName);
  if (found == p.typed_filter_metadata().end()) return out;
  const Path all = at / "typed_filter_metadata", here = all / kName;
  core_v3::PerHostConfig config;
  if (!found->second.UnpackTo(&config)) {
    problems.warn(here, "has no effect, as in Envoy: '" + found->second.type_url() + "' is not a PerHostConfig");
    return out;
  }
  for (int i = 0; i < config.added_tlvs_size(); ++i) {
    const auto& tlv = config.added_tlvs(i);
    if (tlv.has_format_string())
      problems.warn(here.at("added_tlvs", i) / "format_string", "has no effect, as in Envoy: the TLV has its value alone");
    out.push_back({static_cast<std::uint8_t>(tlv.type()), tlv.value()});
  }
  return out;
}

/// Where and whether it is asked for its health.
void compile_check_target(const endpoint_v3::Endpoint::HealthCheckConfig& p, upstream::Endpoint& o, const Path& at,
                          Problems& problems) {
  const Path endpoint = at / "endpoint", here = endpoint / "health_check_config";
  auto more = *o.more;
  more.check_hostname = p.hostname();
  more.check_port = static_cast<std::uint16_t>(p.port_value());
  if (p.has_address()) more.check_address = compile_address(p.address(), here / "address", problems);
  more.unchecked = p.disable_active_health_check();
  o.more.set(std::move(more));
}

}  // namespace

void compile_endpoint_metadata(const core_v3::Metadata& p, upstream::Endpoint& o) {
  o.metadata = compile_metadata(p);
  const auto lb = p.filter_metadata().find("envoy.lb");
  if (lb == p.filter_metadata().end()) return;
  const auto canary = lb->second.fields().find("canary");
  if (canary != lb->second.fields().end() && canary->second.bool_value()) o.canary = true;
}

upstream::Endpoint compile_endpoint(const endpoint_v3::LocalityLbEndpoints& l, const endpoint_v3::LbEndpoint& p,
                                    const upstream::LocalityPtr& locality, const Path& at, Problems& problems) {
  upstream::Endpoint e;
  e.weight = p.has_load_balancing_weight() ? p.load_balancing_weight().value() : 1;
  e.priority = l.priority();
  e.locality_weight = l.load_balancing_weight().value();
  e.locality = locality;
  e.health = compile_health(p.health_status());
  compile_endpoint_metadata(p.metadata(), e);
  auto tlvs = compile_proxy_tlvs(p.metadata(), at / "metadata", problems);
  if (!tlvs.empty() || !p.endpoint().hostname().empty()) e.more.set({p.endpoint().hostname(), {}, std::move(tlvs)});
  if (p.endpoint().has_health_check_config()) compile_check_target(p.endpoint().health_check_config(), e, at, problems);
  return e;
}

void compile_more_addresses(const endpoint_v3::Endpoint& p, upstream::Endpoint& o, const Path& at, Problems& problems) {
  if (p.additional_addresses().empty() || o.address.empty()) return;
  std::vector<net::Address> all{o.address};
  for (int i = 0; i < p.additional_addresses_size(); ++i) {
    auto a = compile_address(p.additional_addresses(i).address(), at.at("additional_addresses", i) / "address", problems);
    if (!a.empty()) all.push_back(std::move(a));
  }
  all = net::take_turns(std::move(all));
  auto more = *o.more;
  more.addresses.assign(all.begin() + 1, all.end());
  o.more.set(std::move(more));
}

upstream::AssignmentPolicy compile_assignment_policy(const endpoint_v3::ClusterLoadAssignment::Policy& p, const Path& at,
                                                     Problems& problems) {
  upstream::AssignmentPolicy o;
  o.weighted_priority_health = p.weighted_priority_health();
  if (p.has_overprovisioning_factor()) o.overprovisioning = p.overprovisioning_factor().value();
  const auto& drops = p.drop_overloads();
  if (drops.size() > 1)
    problems.error(at / "drop_overloads",
                   "Cluster drop_overloads config has " + std::to_string(drops.size()) + " categories. Envoy only support one.");
  if (drops.empty()) return o;
  o.drop = to_percent(drops[0].drop_percentage());
  const auto whole = static_cast<std::uint32_t>(o.drop.denominator);
  if (o.drop.numerator > whole)
    problems.error(at.at("drop_overloads", 0), "Cluster drop_overloads config is invalid. drop_ratio=" +
                                                   std::to_string(o.drop.numerator / static_cast<double>(whole)) +
                                                   ". The valid range is 0~1.");
  return o;
}

std::vector<upstream::EndpointPtr> compile_endpoint_list(const endpoint_v3::ClusterLoadAssignment& p, const Path& at,
                                                         Problems& problems) {
  std::vector<upstream::EndpointPtr> all;
  std::unordered_set<std::string> seen;
  for (int i = 0; i < p.endpoints_size(); ++i) {
    const auto& l = p.endpoints(i);
    const Path group = at.at("endpoints", i);
    const auto locality = compile_locality(l.locality());
    for (int k = 0; k < l.lb_endpoints_size(); ++k) {
      const auto& e = l.lb_endpoints(k);
      const Path lb_endpoint = group.at("lb_endpoints", k), endpoint = lb_endpoint / "endpoint";
      auto out = compile_endpoint(l, e, locality, lb_endpoint, problems);
      out.address = compile_address(e.endpoint().address(), endpoint / "address", problems);
      compile_more_addresses(e.endpoint(), out, endpoint, problems);
      if (out.address.empty() || !seen.insert(std::to_string(out.priority) + ' ' + out.address.text()).second) continue;
      all.push_back(std::make_shared<const upstream::Endpoint>(std::move(out)));
    }
  }
  return all;
}

}  // namespace outrigger::xds
