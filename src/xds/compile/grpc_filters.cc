#include <algorithm>

#include "envoy/extensions/filters/http/grpc_http1_bridge/v3/config.pb.h"
#include "envoy/extensions/filters/http/grpc_stats/v3/config.pb.h"
#include "envoy/extensions/filters/http/grpc_web/v3/grpc_web.pb.h"
#include "filters/grpc_http1_bridge.h"
#include "filters/grpc_stats.h"
#include "filters/grpc_web.h"
#include "proxy/stats/names.h"
#include "xds/compile/filter_kinds.h"

namespace outrigger::xds {

namespace http_v3 = envoy::extensions::filters::http;

namespace {

stats::NamedBlocks& stat_names(CompileContext& c) { return stats::make_named_blocks<stats::GrpcStat>(c.stats, "cluster."); }

filters::GrpcStatsConfig compile_grpc_stats(const http_v3::grpc_stats::v3::FilterConfig& p, CompileContext& c) {
  filters::GrpcStatsConfig o;
  o.all_methods = p.stats_for_all_methods().value();
  o.replace_dots = p.replace_dots_in_grpc_service_name();
  o.emit_filter_state = p.emit_filter_state();
  o.upstream_stats = p.enable_upstream_stats();
  for (const auto& service : p.individual_method_stats_allowlist().services())
    for (const auto& method : service.method_names()) o.methods.emplace_back(service.name(), method);
  std::sort(o.methods.begin(), o.methods.end());
  o.names = &stat_names(c);
  return o;
}

FilterPtr make_grpc_stats(const http_v3::grpc_stats::v3::FilterConfig& p, const FilterPlace&, CompileContext& c) {
  return std::make_shared<filters::GrpcStatsFactory>(compile_grpc_stats(p, c));
}

FilterPtr make_grpc_web(const http_v3::grpc_web::v3::GrpcWeb&, const FilterPlace&, CompileContext& c) {
  return std::make_shared<filters::GrpcWebFactory>(stat_names(c));
}

FilterPtr make_grpc_http1_bridge(const http_v3::grpc_http1_bridge::v3::Config& p, const FilterPlace&, CompileContext&) {
  return std::make_shared<filters::GrpcHttp1BridgeFactory>(
      filters::GrpcHttp1BridgeConfig{p.upgrade_protobuf_to_grpc(), p.ignore_query_parameters()});
}

}  // namespace

void add_grpc_filters(FilterKinds& kinds) {
  kinds.add<make_grpc_stats>();
  kinds.add<make_grpc_web>();
  kinds.add<make_grpc_http1_bridge>();
}

}  // namespace outrigger::xds
