#include "xds/compile/grpc_target.h"

#include "xds/compile/convert.h"
#include "xds/compile/matchers.h"

namespace outrigger::xds {

namespace core_v3 = envoy::config::core::v3;

filters::GrpcTarget compile_grpc_service(const core_v3::GrpcService& p, Duration timeout, const Path& at, Problems& problems) {
  filters::GrpcTarget o;
  if (p.has_google_grpc())
    problems.error(at / "google_grpc", "filters reach their services through clusters here: use envoy_grpc");
  o.cluster = p.envoy_grpc().cluster_name();
  o.authority = p.envoy_grpc().authority().empty() ? o.cluster : p.envoy_grpc().authority();
  o.timeout = p.has_timeout() ? to_duration(p.timeout()) : timeout;
  o.message_max = p.envoy_grpc().max_receive_message_length().value();
  compile_header_values(p.initial_metadata(), at, "initial_metadata", problems, o.metadata);
  return o;
}

/// As Envoy's, whose attempts take no longer than the longest wait between them.
route::RetryPolicy compile_side_retries(const core_v3::RetryPolicy& p, std::string_view on, const Path& at, Problems& problems) {
  route::RetryPolicy o;
  bool all_known = true;
  o.on = route::retry_on::parse(on, all_known) | route::retry_on::parse_grpc(on, all_known);
  o.retries = p.has_num_retries() ? p.num_retries().value() : 1;
  const auto& b = p.retry_back_off();
  o.back_off_base = b.has_base_interval() ? to_duration(b.base_interval()) : std::chrono::seconds(1);
  o.back_off_max = b.has_max_interval() ? to_duration(b.max_interval()) : *o.back_off_base * 10;
  o.per_try_timeout = o.back_off_max;
  if (*o.back_off_max < *o.back_off_base)
    problems.error(at / "retry_back_off", "max_interval must be greater than or equal to the base_interval");
  return o;
}

void compile_header_values(const HeaderValues& values, const Path& at, std::string_view field, Problems& problems,
                           route::HeaderMutations& into) {
  HeaderAdds adds;
  for (const auto& v : values) {
    auto& add = *adds.Add();
    *add.mutable_header() = v;
    add.set_append_action(core_v3::HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD);
  }
  compile_header_adds(adds, at, field, problems, into);
}

}  // namespace outrigger::xds
