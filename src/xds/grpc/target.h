// What the gRPC library is told of the service that a config source names: a cluster of the bootstrap, or an address of
// its own. Main thread.
#pragma once
#include <optional>
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "xds/grpc/grpc_transport.h"
#include "xds/problems.h"

namespace outrigger::xds {

/// None: told.
std::optional<GrpcTarget> compile_grpc_target(const envoy::config::core::v3::GrpcService& service,
                                              const envoy::config::bootstrap::v3::Bootstrap& bootstrap, const Path& at,
                                              Problems& problems);

}  // namespace outrigger::xds
