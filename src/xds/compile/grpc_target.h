// Services that filters ask through clusters of ours: where a gRPC service is, retries; and headers given without an action.
// Main thread.
#pragma once
#include "envoy/config/core/v3/grpc_service.pb.h"
#include "filters/side_call.h"
#include "xds/problems.h"

namespace outrigger::xds {

/// Without a timeout of its own it has `timeout`.
filters::GrpcTarget compile_grpc_service(const envoy::config::core::v3::GrpcService& p, Duration timeout, const Path& at,
                                         Problems& problems);

/// Of calls that are not over gRPC.
route::RetryPolicy compile_side_retries(const envoy::config::core::v3::RetryPolicy& p, std::string_view on, const Path& at,
                                        Problems& problems);

/// Each takes the place of one of its name.
using HeaderValues = google::protobuf::RepeatedPtrField<envoy::config::core::v3::HeaderValue>;
void compile_header_values(const HeaderValues& values, const Path& at, std::string_view field, Problems& problems,
                           route::HeaderMutations& into);

}  // namespace outrigger::xds
