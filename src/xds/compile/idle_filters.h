// Filters that are accepted without their work. Main thread.
#pragma once
#include <string>
#include "google/protobuf/any.pb.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

class FilterKinds;

/// `at`: of its typed_config. False: the config is none of theirs.
bool take_idle_network_filter(const std::string& name, const google::protobuf::Any& any, const Path& at, CompileContext& c);
void add_idle_filters(FilterKinds& kinds);

}  // namespace outrigger::xds
