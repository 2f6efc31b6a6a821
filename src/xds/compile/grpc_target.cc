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
