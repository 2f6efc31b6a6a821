// A message that came over the wire, made like one that was read from a file: what a TypedStruct stands for takes its
// place, and fields that are not there are told. Main thread.
#pragma once
#include <google/protobuf/message.h>
#include "xds/problems.h"

namespace outrigger::xds {

/// Fields that Envoy has and Outrigger does not are errors; others that nobody knows are warnings, or errors when
/// `reject_unknown`. How many of the latter there were.
std::size_t settle_received(google::protobuf::Message& m, const Path& at, bool reject_unknown, Problems& problems);

}  // namespace outrigger::xds
