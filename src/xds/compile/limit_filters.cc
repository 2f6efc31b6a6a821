// HTTP filters that limit how much comes: local_ratelimit, bandwidth_limit.
#include <algorithm>
#include "envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit.pb.h"
#include "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.pb.h"
#include "filters/bandwidth_limit.h"
#include "filters/local_rate_limit.h"
#include "proxy/stats/names.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"
#include "xds/compile/matchers.h"
#include "xds/compile/rate_limits.h"

namespace outrigger::xds {

namespace local_v3 = envoy::extensions::filters::http::local_ratelimit::v3;
namespace bandwidth_v3 = envoy::extensions::filters::http::bandwidth_limit::v3;
namespace common_v3 = envoy::extensions::common::ratelimit::v3;

namespace {

constexpr Duration kIntervalMin = std::chrono::milliseconds(50);

filters::BucketSpec compile_bucket(const envoy::type::v3::TokenBucket& p, std::string_view whose, const Path& at,
                                   Problems& problems) {
  filters::BucketSpec o;
  o.tokens_max = p.max_tokens();
  if (p.has_tokens_per_fill()) o.per_fill = p.tokens_per_fill().value();
  o.interval = std::max(to_duration(p.fill_interval()), Duration(1));
  if (o.tokens_max > 0 && o.interval < kIntervalMin)
    problems.error(at / "fill_interval", "local rate limit " + std::string(whose) + "token bucket fill timer must be >= 50ms");
  return o;
}

std::string text_of(const filters::LimitSpec::For& d) {
  std::string out;
  for (const auto& e : d.entries) out += (out.empty() ? "" : ", ") + e.key + "=" + e.value;
  return out;
}

std::shared_ptr<const filters::LimitSpec> compile_limit(const local_v3::LocalRateLimit& p, const Path& at, Problems& problems) {
  auto o = std::make_shared<filters::LimitSpec>();
  if (p.has_token_bucket()) o->all = compile_bucket(p.token_bucket(), "", at / "token_bucket", problems);
  if (p.has_max_dynamic_descriptors()) o->values_max = p.max_dynamic_descriptors().value();
  if (p.has_always_consume_default_token_bucket()) o->always_all = p.always_consume_default_token_bucket().value();
  constexpr std::uint32_t kValuesMax = 1'000'000;
  if (o->values_max > kValuesMax)
    problems.error(at / "max_dynamic_descriptors", "more than 1000000 are not supported: each takes memory from the beginning");
  std::vector<std::string> known;
  for (int i = 0; i < p.descriptors_size(); ++i) {
    const auto& d = p.descriptors(i);
    const Path here = at.at("descriptors", i);
    filters::LimitSpec::For out;
    for (const auto& e : d.entries()) out.entries.push_back({e.key(), e.value()});
    out.bucket = compile_bucket(d.token_bucket(), "descriptor ", here / "token_bucket", problems);
    out.bucket.shadow = d.shadow_mode();
    known.push_back(text_of(out));
    o->descriptors.push_back(std::move(out));
  }
  std::sort(known.begin(), known.end());
  if (const auto twice = std::adjacent_find(known.begin(), known.end()); twice != known.end())
    problems.error(at / "descriptors", "duplicate descriptor in the local rate descriptor: " + *twice);
  return o;
}

std::shared_ptr<const filters::LocalRateLimitConfig> compile_local(const local_v3::LocalRateLimit& p, const Path& at,
                                                                   Problems& problems, const CompileContext& c) {
  auto o = std::make_shared<filters::LocalRateLimitConfig>();
  const auto errors = problems.errors();
  o->limit = compile_limit(p, at, problems);
  if (!p.local_rate_limit_per_downstream_connection() && problems.errors() == errors)
    o->limiter = std::make_shared<filters::RateLimiter>(o->limit);
  if (p.status().code() >= 400) o->status = static_cast<std::uint16_t>(p.status().code());
  if (p.rate_limited_as_resource_exhausted()) o->grpc_status = 8;
  if (p.has_filter_enabled()) o->enabled = to_runtime_percent(p.filter_enabled());
  if (p.has_filter_enforced()) o->enforced = to_runtime_percent(p.filter_enforced());
  compile_header_adds(p.response_headers_to_add(), at, "response_headers_to_add", problems, o->response_mutations);
  compile_header_adds(p.request_headers_to_add_when_not_enforced(), at, "request_headers_to_add_when_not_enforced", problems,
                      o->request_mutations);
  o->stage = p.stage();
  o->vhost_limits = to_virtual_host_limits(p.vh_rate_limits());
  o->rules = compile_own_rate_limits(p.rate_limits(), at, problems);
  o->tells = p.enable_x_ratelimit_headers() == common_v3::DRAFT_VERSION_03;
  o->tells_retry_after = p.enable_retry_after_header();
  o->local_cluster = c.service_cluster;
  o->stats = stats::make_block<stats::LocalRateLimitStat>(c.stats, stats::sanitize(p.stat_prefix()) + ".http_local_rate_limit.");
  return o;
}

FilterPtr make_local(const local_v3::LocalRateLimit& p, const FilterPlace& f, CompileContext& c) {
  return std::make_shared<filters::LocalRateLimitFactory>(compile_local(p, f.config, c.problems, c));
}

OverridePtr local_override(const local_v3::LocalRateLimit& p, const Path& at, Problems& problems, const CompileContext& c) {
  if (!p.has_token_bucket())
    problems.error(at / "token_bucket", "local rate limit token bucket must be set for per filter configs");
  return compile_local(p, at, problems, c);
}

std::shared_ptr<const filters::BandwidthLimitConfig> compile_bandwidth(const bandwidth_v3::BandwidthLimit& p,
                                                                       const CompileContext& c) {
  using P = bandwidth_v3::BandwidthLimit;
  auto o = std::make_shared<filters::BandwidthLimitConfig>();
  const auto mode = p.enable_mode();
  o->requests = mode == P::REQUEST || mode == P::REQUEST_AND_RESPONSE;
  o->responses = mode == P::RESPONSE || mode == P::REQUEST_AND_RESPONSE;
  constexpr std::uint64_t kKib = 1024;
  o->shared = std::make_shared<filters::BandwidthShared>(std::min(p.limit_kbps().value(), UINT64_MAX / kKib) * kKib);
  if (p.has_fill_interval()) o->fill_interval = to_duration(p.fill_interval());
  if (p.has_runtime_enabled()) o->enabled = to_runtime(p.runtime_enabled());
  o->tells = p.enable_response_trailers();
  const std::string prefix = p.response_trailer_prefix().empty() ? "" : lower(p.response_trailer_prefix()) + "-";
  o->request_delay = prefix + "bandwidth-request-delay-ms";
  o->response_delay = prefix + "bandwidth-response-delay-ms";
  o->request_filter_delay = prefix + "bandwidth-request-filter-delay-ms";
  o->response_filter_delay = prefix + "bandwidth-response-filter-delay-ms";
  o->stats = stats::make_block<filters::BandwidthStat>(c.stats, p.stat_prefix() + ".http_bandwidth_limit.");
  return o;
}

FilterPtr make_bandwidth(const bandwidth_v3::BandwidthLimit& p, const FilterPlace&, CompileContext& c) {
  return std::make_shared<filters::BandwidthLimitFactory>(compile_bandwidth(p, c));
}

OverridePtr bandwidth_override(const bandwidth_v3::BandwidthLimit& p, const Path& at, Problems& problems,
                               const CompileContext& c) {
  if (!p.has_limit_kbps()) problems.error(at / "limit_kbps", "limit must be set for per route filter config");
  return compile_bandwidth(p, c);
}

}  // namespace

void add_limit_filters(FilterKinds& kinds) {
  kinds.add<make_local, local_override>();
  kinds.add<make_bandwidth, bandwidth_override>();
}

}  // namespace outrigger::xds
