// The HTTP filter admission_control.
#include "envoy/extensions/filters/http/admission_control/v3/admission_control.pb.h"
#include "filters/admission_control.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"

namespace outrigger::xds {

using envoy::extensions::filters::http::admission_control::v3::AdmissionControl;

namespace {

// All that say that sending less would change nothing.
constexpr std::uint32_t kGrpcSuccess[] = {0, 1, 2, 3, 5, 6, 7, 9, 11, 12, 16};
constexpr std::uint32_t kGrpcLast = 16;

void compile_criteria(const AdmissionControl::SuccessCriteria& p, filters::AdmissionConfig& o, const Path& at,
                      Problems& problems) {
  if (p.has_http_criteria()) o.http_success.clear();
  for (int i = 0; i < p.http_criteria().http_success_status_size(); ++i) {
    const auto& range = p.http_criteria().http_success_status(i);
    if (range.start() < 100 || range.start() >= 600 || range.end() < range.start() || range.end() > 600)
      problems.error(at / "http_criteria" / "http_success_status",
                     "invalid HTTP range: [" + std::to_string(range.start()) + ", " + std::to_string(range.end()) + ")");
    o.http_success.push_back({range.start(), range.end()});
  }
  if (!p.has_grpc_criteria())
    for (const auto code : kGrpcSuccess) o.grpc_success |= 1u << code;
  for (const auto code : p.grpc_criteria().grpc_success_status())
    if (code > kGrpcLast)
      problems.error(at / "grpc_criteria" / "grpc_success_status", "invalid gRPC code " + std::to_string(code));
    else
      o.grpc_success |= 1u << code;
}

std::chrono::seconds compile_window(const google::protobuf::Duration& p, const Path& at, Problems& problems) {
  const auto window = std::chrono::duration_cast<std::chrono::seconds>(to_duration(p));
  const auto longest = filters::AdmissionWindow::kLongest;
  if (window < std::chrono::seconds(1) || window > longest)
    problems.error(at, "must be from 1s to " + std::to_string(longest.count()) + "s");
  return std::clamp(window, std::chrono::seconds(1), longest);
}

FilterPtr make_admission(const AdmissionControl& p, const FilterPlace& f, CompileContext& c) {
  filters::AdmissionConfig o;
  compile_criteria(p.success_criteria(), o, f.config / "success_criteria", c.problems);
  if (p.has_enabled()) o.enabled = to_runtime(p.enabled());
  if (p.has_sampling_window()) o.window = compile_window(p.sampling_window(), f.config / "sampling_window", c.problems);
  if (p.has_aggression()) o.aggression = to_runtime(p.aggression());
  if (p.has_sr_threshold()) o.success_percent = to_runtime(p.sr_threshold());
  if (p.has_sr_threshold() && p.sr_threshold().default_value().value() < 1)
    c.problems.error(f.config / "sr_threshold", "Success rate threshold cannot be less than 1.0%.");
  if (p.has_rps_threshold()) o.rate_min = to_runtime(p.rps_threshold());
  if (p.has_max_rejection_probability()) o.rejection_percent_max = to_runtime(p.max_rejection_probability());
  o.stats = stats::make_block<filters::AdmissionStat>(c.stats, f.stat_prefix + "admission_control.");
  return std::make_shared<filters::AdmissionFactory>(std::move(o), c.workers + 1);
}

}  // namespace

void add_admission_filters(FilterKinds& kinds) { kinds.add<make_admission>(); }

}  // namespace outrigger::xds
