// Outlier detection of a cluster.
#include "xds/compile/cluster_parts.h"
#include "xds/compile/convert.h"

namespace outrigger::xds {

using upstream::Ejection;

void compile_outliers(const envoy::config::cluster::v3::Cluster& p, upstream::ClusterConfig& o, const Path& at,
                      Problems& problems) {
  if (!p.has_outlier_detection()) return;
  const auto& d = p.outlier_detection();
  auto c = std::make_unique<upstream::OutlierConfig>();
  const auto number = [](const google::protobuf::UInt32Value& v, bool set, std::uint32_t& to) {
    if (set) to = v.value();
  };
  const auto time = [](const google::protobuf::Duration& v, bool set, Duration& to) {
    if (set) to = to_duration(v);
  };
  const auto enforcing = [&](const google::protobuf::UInt32Value& v, bool set, Ejection why) {
    number(v, set, c->enforcing[static_cast<std::size_t>(why)]);
  };
  time(d.interval(), d.has_interval(), c->interval);
  time(d.base_ejection_time(), d.has_base_ejection_time(), c->base_ejection);
  c->max_ejection = std::max(c->max_ejection, c->base_ejection);
  time(d.max_ejection_time(), d.has_max_ejection_time(), c->max_ejection);
  time(d.max_ejection_time_jitter(), d.has_max_ejection_time_jitter(), c->jitter_max);
  number(d.consecutive_5xx(), d.has_consecutive_5xx(), c->consecutive_5xx);
  number(d.consecutive_gateway_failure(), d.has_consecutive_gateway_failure(), c->consecutive_gateway_failure);
  number(d.consecutive_local_origin_failure(), d.has_consecutive_local_origin_failure(), c->consecutive_local_origin_failure);
  number(d.max_ejection_percent(), d.has_max_ejection_percent(), c->max_ejection_percent);
  number(d.success_rate_minimum_hosts(), d.has_success_rate_minimum_hosts(), c->success_rate.hosts_min);
  number(d.success_rate_request_volume(), d.has_success_rate_request_volume(), c->success_rate.requests_min);
  number(d.success_rate_stdev_factor(), d.has_success_rate_stdev_factor(), c->stdev_factor);
  number(d.failure_percentage_minimum_hosts(), d.has_failure_percentage_minimum_hosts(), c->failure_percentage.hosts_min);
  number(d.failure_percentage_request_volume(), d.has_failure_percentage_request_volume(), c->failure_percentage.requests_min);
  number(d.failure_percentage_threshold(), d.has_failure_percentage_threshold(), c->failure_threshold);
  enforcing(d.enforcing_consecutive_5xx(), d.has_enforcing_consecutive_5xx(), Ejection::consecutive_5xx);
  enforcing(d.enforcing_consecutive_gateway_failure(), d.has_enforcing_consecutive_gateway_failure(),
            Ejection::consecutive_gateway_failure);
  enforcing(d.enforcing_consecutive_local_origin_failure(), d.has_enforcing_consecutive_local_origin_failure(),
            Ejection::consecutive_local_origin_failure);
  enforcing(d.enforcing_success_rate(), d.has_enforcing_success_rate(), Ejection::success_rate);
  enforcing(d.enforcing_local_origin_success_rate(), d.has_enforcing_local_origin_success_rate(),
            Ejection::success_rate_local_origin);
  enforcing(d.enforcing_failure_percentage(), d.has_enforcing_failure_percentage(), Ejection::failure_percentage);
  enforcing(d.enforcing_failure_percentage_local_origin(), d.has_enforcing_failure_percentage_local_origin(),
            Ejection::failure_percentage_local_origin);
  c->always_eject_one = d.always_eject_one_host().value();
  c->split = d.split_external_local_origin_errors();
  if (d.has_successful_active_health_check_uneject_host())
    c->back_when_checked = d.successful_active_health_check_uneject_host().value();
  if (c->jitter_max < Duration{0})
    problems.error(at / "outlier_detection" / "max_ejection_time_jitter", "Invalid duration: Expected positive duration");
  if (c->max_ejection < c->base_ejection)
    problems.error(at / "outlier_detection", "outlier detector's max_ejection_time cannot be smaller than base_ejection_time");
  o.outlier = std::move(c);
}

}  // namespace outrigger::xds
