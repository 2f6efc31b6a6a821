// The HTTP filter ratelimit.
#include "envoy/extensions/filters/http/ratelimit/v3/rate_limit.pb.h"
#include "filters/global_rate_limit.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"
#include "xds/compile/grpc_target.h"
#include "xds/compile/limit_messages.h"
#include "xds/compile/matchers.h"
#include "xds/compile/rate_limits.h"

namespace outrigger::xds {

namespace limit_v3 = envoy::extensions::filters::http::ratelimit::v3;

namespace {

FilterPtr make_limit(const limit_v3::RateLimit& p, const FilterPlace& f, CompileContext& c) {
  using Config = filters::RateLimitConfig;
  constexpr Duration kTimeout = std::chrono::milliseconds(20);
  auto o = std::make_shared<Config>();
  const auto errors = c.problems.errors();
  const Path service = f.config / "rate_limit_service";
  o->service = compile_grpc_service(p.rate_limit_service().grpc_service(), kTimeout, service / "grpc_service", c.problems);
  o->service.timeout = p.has_timeout() ? to_duration(p.timeout()) : kTimeout;
  o->messages = &rate_limit_messages();
  o->domain = p.domain();
  o->local_cluster = c.service_cluster;
  o->stage = p.stage();
  o->requests = p.request_type() == "internal"   ? Config::internal_only
                : p.request_type() == "external" ? Config::external_only
                                                 : Config::both;
  if (p.has_filter_enabled()) o->enabled = to_runtime_percent(p.filter_enabled());
  if (p.has_filter_enforced()) o->enforced = to_runtime_percent(p.filter_enforced());
  if (p.has_failure_mode_deny_percent())
    o->deny_on_failure = to_runtime_percent(p.failure_mode_deny_percent());
  else
    o->deny_on_failure.value.numerator = p.failure_mode_deny() ? 100 : 0;
  o->rules = compile_rate_limit_set(p.rate_limits(), f.config, c.problems);
  if (!p.metadata_namespace().empty()) o->metadata_space = p.metadata_namespace();
  o->tells_retry_after = p.enable_retry_after_header();
  if (p.rate_limited_status().code() >= 400) o->status = static_cast<std::uint16_t>(p.rate_limited_status().code());
  if (p.status_on_error().code() >= 400) o->status_on_error = static_cast<std::uint16_t>(p.status_on_error().code());
  if (p.rate_limited_as_resource_exhausted()) o->grpc_status = 8;
  o->tells_limits = p.enable_x_ratelimit_headers() == limit_v3::RateLimit::DRAFT_VERSION_03;
  o->tells_limited = !p.disable_x_envoy_ratelimited_header();
  compile_header_adds(p.response_headers_to_add(), f.config, "response_headers_to_add", c.problems, o->response_mutations);
  if (c.problems.errors() != errors) return nullptr;
  o->stats = {c.stats, "ratelimit", p.stat_prefix(), 4};
  return std::make_shared<filters::RateLimitFactory>(std::move(o));
}

OverridePtr override_limit(const limit_v3::RateLimitPerRoute& p, const Path& at, Problems& problems, const CompileContext&) {
  auto o = std::make_shared<filters::RateLimitPerRoute>();
  o->vhost_limits = to_virtual_host_limits(p.vh_rate_limits());
  o->domain = p.domain();
  o->rules = compile_rate_limit_set(p.rate_limits(), at, problems);
  if (p.override_option() != limit_v3::RateLimitPerRoute::DEFAULT)
    problems.warn(at / "override_option", "has no effect: vh_rate_limits says it, as in Envoy");
  return o;
}

}  // namespace

void add_global_limit_filters(FilterKinds& kinds) { kinds.add<make_limit, override_limit>(); }

}  // namespace outrigger::xds
