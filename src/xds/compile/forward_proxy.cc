// Dynamic forward proxies: the cluster's type and the HTTP filter.
#include "envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster.pb.h"
#include "envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy.pb.h"
#include "filters/forward_proxy.h"
#include "xds/compile/cluster_parts.h"
#include "xds/compile/convert.h"
#include "xds/compile/dns_cache.h"
#include "xds/compile/filter_kinds.h"

namespace outrigger::xds {

namespace filter_v3 = envoy::extensions::filters::http::dynamic_forward_proxy::v3;
using ClusterConfig = envoy::extensions::clusters::dynamic_forward_proxy::v3::ClusterConfig;

void compile_forward_proxy(const envoy::config::cluster::v3::Cluster& p, upstream::ClusterConfig& o, const Path& at,
                           CompileContext& c) {
  if (o.discovery != upstream::Discovery::forward) return;
  ClusterConfig config;
  p.cluster_type().typed_config().UnpackTo(&config);
  const Path here = at / "cluster_type", typed = here / "typed_config";
  if (!config.allow_insecure_cluster_options() && (!o.auto_sni || !o.auto_san_validation))
    c.problems.error(at,
                     "dynamic_forward_proxy cluster must have auto_sni and auto_san_validation true unless "
                     "allow_insecure_cluster_options is set.");
  o.dns_cache = compile_dns_cache(config.dns_cache_config(), typed / "dns_cache_config", c);
}

namespace {

FilterPtr make_forward_proxy(const filter_v3::FilterConfig& p, const FilterPlace& f, CompileContext& c) {
  filters::ForwardProxyConfig o;
  o.cache = compile_dns_cache(p.dns_cache_config(), f.config / "dns_cache_config", c);
  o.host_from_state = p.allow_dynamic_host_from_filter_state();
  if (p.save_upstream_address())
    c.problems.warn(f.config / "save_upstream_address", "has no effect: nothing here reads envoy.stream.upstream_address");
  return std::make_shared<filters::ForwardProxyFactory>(std::move(o));
}

OverridePtr forward_proxy_override(const filter_v3::PerRouteConfig& p, const Path&, Problems&, const CompileContext&) {
  auto o = std::make_shared<filters::ForwardProxyOverride>();
  o->host = p.host_rewrite_literal();
  o->header = lower(p.host_rewrite_header());
  return o;
}

}  // namespace

void add_forward_filters(FilterKinds& kinds) { kinds.add<make_forward_proxy, forward_proxy_override>(); }

}  // namespace outrigger::xds
