#include "envoy/extensions/clusters/dns/v3/dns_cluster.pb.h"
#include "envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver.pb.h"
#include "xds/compile/cluster_parts.h"
#include "xds/compile/convert.h"
#include "xds/compile/dns_cache.h"

namespace outrigger::xds {

namespace core_v3 = envoy::config::core::v3;
using Cares = envoy::extensions::network::dns_resolver::cares::v3::CaresDnsResolverConfig;
using CacheConfig = envoy::extensions::common::dynamic_forward_proxy::v3::DnsCacheConfig;
using Cluster = envoy::config::cluster::v3::Cluster;
using DnsCluster = envoy::extensions::clusters::dns::v3::DnsCluster;
using upstream::DnsFamily;

namespace {

template <class Message, class Rules>
void compile_failures(const Message& p, Rules& o, const Path& at, Problems& problems) {
  if (!p.has_dns_failure_refresh_rate()) return;
  const auto& f = p.dns_failure_refresh_rate();
  o.failure_base = to_duration(f.base_interval());
  o.failure_max = f.has_max_interval() ? to_duration(f.max_interval()) : o.failure_base * 10;
  if (o.failure_max < o.failure_base)
    problems.error(at / "dns_failure_refresh_rate",
                   "dns_failure_refresh_rate must have max_interval greater than or equal to the base_interval");
}

template <class Message>
void compile_rules(const Message& p, upstream::DnsRules& o, const Path& at, Problems& problems) {
  if (p.has_dns_refresh_rate()) o.refresh = to_duration(p.dns_refresh_rate());
  if (p.has_dns_jitter()) o.jitter = to_duration(p.dns_jitter());
  o.respect_ttl = p.respect_dns_ttl();
  compile_failures(p, o, at, problems);
}

/// AUTO, V4_ONLY, V6_ONLY, V4_PREFERRED, ALL.
DnsFamily family_of(int number) {
  constexpr DnsFamily kFamilies[] = {DnsFamily::automatic, DnsFamily::v4_only, DnsFamily::v6_only, DnsFamily::v4_preferred,
                                     DnsFamily::all};
  return number >= 0 && number < 5 ? kFamilies[number] : DnsFamily::automatic;
}

using Addresses = google::protobuf::RepeatedPtrField<core_v3::Address>;
void compile_servers(const Addresses& p, upstream::DnsOptions& o, const Path& at, Problems& problems,
                     std::string_view field = "resolvers") {
  for (int i = 0; i < p.size(); ++i) {
    auto a = compile_address(p.Get(i), at.at(field, i), problems);
    if (!a.empty()) o.servers.push_back(std::move(a));
  }
}

void compile_how(const core_v3::DnsResolverOptions& p, upstream::DnsOptions& o) {
  o.over_tcp = p.use_tcp_for_dns_lookups();
  o.no_search = p.no_default_search_domain();
}

void compile_typed(const core_v3::TypedExtensionConfig& p, upstream::DnsOptions& o, const Path& at, Problems& problems) {
  if (!p.typed_config().Is<Cares>())
    return problems.error(at, "Didn't find a registered implementation for '" + p.name() + "' with type URL: '" +
                                  p.typed_config().type_url() + "': envoy.network.dns_resolver.cares is implemented");
  Cares cares;
  p.typed_config().UnpackTo(&cares);
  compile_servers(cares.resolvers(), o, at / "typed_config", problems);
  compile_how(cares.dns_resolver_options(), o);
  o.servers_are_fallback = cares.use_resolvers_as_fallback();
  o.filter_families = cares.filter_unroutable_families();
  o.rotate = cares.rotate_nameservers();
  o.edns_bytes = cares.edns0_max_payload_size().value();
  o.queries_per_socket_max = cares.udp_max_queries().value();
  constexpr std::uint64_t kLongest = 1'000'000;
  if (cares.has_query_timeout_seconds())
    o.timeout_s = static_cast<std::uint32_t>(std::min(cares.query_timeout_seconds().value(), kLongest));
  if (cares.has_query_tries()) o.tries = cares.query_tries().value();
}

/// Of a cluster or of the bootstrap: the typed config, then the older ones. False: it has none.
template <class Message>
bool compile_resolver(const Message& p, upstream::DnsOptions& o, const Path& at, Problems& problems) {
  if (p.has_typed_dns_resolver_config()) {
    compile_typed(p.typed_dns_resolver_config(), o, at / "typed_dns_resolver_config", problems);
    return true;
  }
  if (p.has_dns_resolution_config()) {
    compile_servers(p.dns_resolution_config().resolvers(), o, at / "dns_resolution_config", problems);
    compile_how(p.dns_resolution_config().dns_resolver_options(), o);
    return true;
  }
  return false;
}

}  // namespace

upstream::DnsCachePtr compile_dns_cache(const CacheConfig& p, const Path& at, CompileContext& c) {
  const auto errors = c.problems.errors();
  upstream::DnsCacheConfig o;
  o.name = p.name();
  o.text = p.SerializeAsString();
  o.family = family_of(p.dns_lookup_family());
  if (p.has_dns_refresh_rate()) o.refresh = to_duration(p.dns_refresh_rate());
  if (p.has_dns_min_refresh_rate()) o.refresh_min = to_duration(p.dns_min_refresh_rate());
  if (p.has_host_ttl()) o.host_ttl = to_duration(p.host_ttl());
  if (p.has_max_hosts()) o.hosts_max = p.max_hosts().value();
  if (p.has_dns_query_timeout()) o.query_timeout = to_duration(p.dns_query_timeout());
  if (p.dns_cache_circuit_breaker().has_max_pending_requests())
    o.pending_max = p.dns_cache_circuit_breaker().max_pending_requests().value();
  o.refresh_failed = !p.disable_dns_refresh_on_failure();
  compile_failures(p, o, at, c.problems);
  if (static_cast<std::uint32_t>(p.preresolve_hostnames_size()) > o.hosts_max)
    c.problems.error(at / "preresolve_hostnames", "DNS Cache [" + o.name + "] configured with preresolve_hostnames=" +
                                                      std::to_string(p.preresolve_hostnames_size()) + " larger than max_hosts=" +
                                                      std::to_string(o.hosts_max));
  for (const auto& a : p.preresolve_hostnames())
    o.preresolve.emplace_back(a.address(), static_cast<std::uint16_t>(a.port_value()));
  if (!compile_resolver(p, o.resolver, at, c.problems)) {
    o.resolver = c.resolver;
    if (p.use_tcp_for_dns_lookups()) o.resolver.over_tcp = true;
  }
  if (!c.dns_cache || c.problems.errors() != errors) return nullptr;
  auto made = c.dns_cache(o, c.workers + 1);
  if (made) return std::move(*made);
  c.problems.error(at, made.error().detail);
  return nullptr;
}

void compile_resolver(const envoy::config::bootstrap::v3::Bootstrap& p, upstream::DnsOptions& o, Problems& problems) {
  if (!compile_resolver(p, o, Path(), problems)) o.over_tcp = p.use_tcp_for_dns_lookups();
}

void compile_dns(const Cluster& p, upstream::DnsRules& rules, const Path& at, CompileContext& c) {
  if (p.cluster_type().typed_config().Is<DnsCluster>()) {
    DnsCluster d;
    p.cluster_type().typed_config().UnpackTo(&d);
    const Path here = at / "cluster_type", config = here / "typed_config";
    compile_rules(d, rules, config, c.problems);
    if (d.has_dns_min_refresh_rate()) rules.refresh_min = to_duration(d.dns_min_refresh_rate());
    rules.family = family_of(d.dns_lookup_family() - 1);
    if (d.has_typed_dns_resolver_config())
      compile_typed(d.typed_dns_resolver_config(), rules.resolver, config / "typed_dns_resolver_config", c.problems);
    else
      rules.resolver = c.resolver;
    return;
  }
  compile_rules(p, rules, at, c.problems);
  rules.family = family_of(p.dns_lookup_family());
  if (compile_resolver(p, rules.resolver, at, c.problems)) return;
  if (p.dns_resolvers_size() > 0) {
    compile_servers(p.dns_resolvers(), rules.resolver, at, c.problems, "dns_resolvers");
    rules.resolver.over_tcp = p.use_tcp_for_dns_lookups();
    return;
  }
  rules.resolver = c.resolver;
  if (p.use_tcp_for_dns_lookups()) rules.resolver.over_tcp = true;
}

}  // namespace outrigger::xds
