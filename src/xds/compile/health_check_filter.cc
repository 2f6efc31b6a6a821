// The HTTP filter health_check.
#include <algorithm>
#include "envoy/extensions/filters/http/health_check/v3/health_check.pb.h"
#include "filters/health_check.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"
#include "xds/compile/matchers.h"

namespace outrigger::xds {

namespace health_v3 = envoy::extensions::filters::http::health_check::v3;

namespace {

FilterPtr make_health_check(const health_v3::HealthCheck& p, const FilterPlace& f, CompileContext& c) {
  constexpr Duration kMillisecond = std::chrono::milliseconds(1);
  filters::HealthCheckConfig o;
  o.pass_through = p.pass_through_mode().value();
  for (int i = 0; i < p.headers_size(); ++i)
    if (auto m = compile_header_matcher(p.headers(i), f.config.at("headers", i), c.problems)) o.headers.push_back(std::move(*m));
  const Duration cache = p.has_cache_time() ? to_duration(p.cache_time()) : Duration{0};  // below a millisecond: as if unset
  if (p.cache_time().seconds() < 0 || p.cache_time().nanos() < 0)
    c.problems.error(f.config / "cache_time", "Invalid duration: Expected positive duration");
  if (cache >= kMillisecond && !o.pass_through)
    c.problems.error(f.config / "cache_time", "cache_time_ms must not be set when path_through_mode is disabled");
  else if (cache >= kMillisecond)
    o.answers = std::make_unique<filters::HealthAnswers>(cache / kMillisecond * kMillisecond);
  if (!o.pass_through)  // who passes checks on doesn't answer them by clusters
    for (const auto& [name, share] : p.cluster_min_healthy_percentages())
      o.shares.emplace_back(name, static_cast<std::uint32_t>(share.value()));
  std::sort(o.shares.begin(), o.shares.end());
  o.cluster = c.service_cluster;
  return std::make_shared<filters::HealthCheckFactory>(std::move(o));
}

}  // namespace

void add_health_check_filters(FilterKinds& kinds) { kinds.add<make_health_check>(); }

}  // namespace outrigger::xds
