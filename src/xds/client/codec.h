// xDS messages to and from their protobuf encoding. Main thread.
#pragma once
#include <string>
#include <string_view>
#include "xds/protocol/subscription.h"

namespace outrigger::xds {

/// `node`: a serialised envoy.config.core.v3.Node; empty: left out.
std::string encode_request(const Request& q, Subscription::Kind kind, std::string_view node);
/// False: it is none. `into` keeps the message, its resources point into it.
bool decode_response(std::string message, Subscription::Kind kind, Response& into);

}  // namespace outrigger::xds
