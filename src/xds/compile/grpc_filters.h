// The gRPC filters of HTTP: config to factory.
#pragma once
#include <memory>
#include <string_view>
#include "google/protobuf/any.pb.h"
#include "proxy/hcm/filter.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// Is that the config of one of them?
bool is_grpc_filter_config(std::string_view message);

/// Null: the config is none of theirs.
std::shared_ptr<hcm::FilterFactory> compile_grpc_filter(const google::protobuf::Any& any, CompileContext& c);

}  // namespace outrigger::xds
