// xDS messages from and to their protobuf encoding, as a control plane reads and writes them. Main thread.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include "control_plane/subscription.h"

namespace outrigger::control_plane {

/// What a proxy says of itself.
struct NodeInfo {
  static constexpr std::size_t kMax = 4096;  // bytes of each
  std::string id, cluster, agent;            // agent: name and version
};

/// False: it is none. `node` is set when the message has one.
bool decode_request(std::string_view message, bool delta, xds::Request& into, std::optional<NodeInfo>& node);
std::string encode_answer(const Answer& a, bool delta, const std::string& control_plane);

}  // namespace outrigger::control_plane
