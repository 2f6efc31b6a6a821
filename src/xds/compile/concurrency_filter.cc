// The HTTP filter adaptive_concurrency.
#include "envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency.pb.h"
#include "filters/adaptive_concurrency.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"

namespace outrigger::xds {

namespace adaptive_v3 = envoy::extensions::filters::http::adaptive_concurrency::v3;

namespace {

std::uint64_t to_ms(const google::protobuf::Duration& d) noexcept {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(to_duration(d)).count());
}

filters::GradientConfig compile_gradient(const adaptive_v3::GradientControllerConfig& p, const Path& at, Problems& problems) {
  filters::GradientConfig o;
  const auto& limit = p.concurrency_limit_params();
  const auto& rtt = p.min_rtt_calc_params();
  if (p.has_sample_aggregate_percentile()) o.percentile = p.sample_aggregate_percentile().value();
  o.update_interval = to_ms(limit.concurrency_update_interval());
  if (limit.has_max_concurrency_limit()) o.limit_max = limit.max_concurrency_limit().value();
  o.min_rtt_interval = to_ms(rtt.interval());
  if (rtt.has_fixed_value()) o.fixed_min_rtt = std::chrono::milliseconds(to_ms(rtt.fixed_value()));
  if (rtt.has_request_count()) o.min_rtt_requests = rtt.request_count().value();
  if (rtt.has_jitter()) o.jitter = rtt.jitter().value();
  if (rtt.has_min_concurrency()) o.limit_min = rtt.min_concurrency().value();
  if (rtt.has_buffer()) o.buffer = rtt.buffer().value();
  if (o.min_rtt_interval == 0 && o.fixed_min_rtt == Duration::zero())
    problems.error(at / "min_rtt_calc_params",
                   "adaptive_concurrency: neither `concurrency_update_interval` nor `fixed_value` set");
  return o;
}

FilterPtr make_adaptive(const adaptive_v3::AdaptiveConcurrency& p, const FilterPlace& f, CompileContext& c) {
  constexpr std::uint16_t kUnavailable = 503;
  auto config = compile_gradient(p.gradient_controller_config(), f.config / "gradient_controller_config", c.problems);
  config.stats = stats::make_block<filters::GradientStat>(c.stats, f.stat_prefix + "adaptive_concurrency.gradient_controller.");
  auto controller = std::make_unique<filters::GradientController>(config);
  // What workers have added to them for a config before this one stays in their sums.
  for (const auto gauge : {filters::GradientStat::concurrency_limit, filters::GradientStat::min_rtt_calculation_active,
                           filters::GradientStat::min_rtt_msecs, filters::GradientStat::sample_rtt_msecs,
                           filters::GradientStat::gradient, filters::GradientStat::burst_queue_size}) {
    c.stats.set(config.stats, gauge, 0);
    c.stats.set(config.stats, gauge, controller->initial(gauge) - c.stats.value(config.stats, gauge));
  }
  const auto status = static_cast<std::uint16_t>(p.concurrency_limit_exceeded_status().code());
  return std::make_shared<filters::AdaptiveConcurrencyFactory>(
      std::move(controller), p.has_enabled() ? to_runtime(p.enabled()) : runtime::RuntimeBool{"", true},
      status < 400 ? kUnavailable : status);
}

}  // namespace

void add_concurrency_filters(FilterKinds& kinds) { kinds.add<make_adaptive>(); }

}  // namespace outrigger::xds
