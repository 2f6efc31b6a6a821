// The gRPC filters of HTTP: config to factory.
#pragma once
#include <memory>
#include "google/protobuf/any.pb.h"
#include "proxy/hcm/filter.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// Null: the config is none of theirs.
std::shared_ptr<hcm::FilterFactory> compile_grpc_filter(const google::protobuf::Any& any, CompileContext& c);

}  // namespace outrigger::xds
