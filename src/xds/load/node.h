// What control planes are told of this proxy besides what the bootstrap says of its node. Main thread.
#pragma once
#include "envoy/config/core/v3/base.pb.h"

namespace outrigger::xds {

/// As Envoy of the version whose API this is: control planes decide by it what they may send.
void describe_node(envoy::config::core::v3::Node& node);

}  // namespace outrigger::xds
