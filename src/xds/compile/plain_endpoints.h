// Most endpoints are an address, a weight, a state of health and metadata: such assignments are read where they lie, without
// messages, at a tenth of the cost. What comes out is what compile_endpoint_list() makes of the same bytes. Main thread.
#pragma once
#include <optional>
#include <string_view>
#include <vector>
#include "proxy/upstream/host.h"

namespace outrigger::xds {

struct PlainAssignment {
  std::string_view cluster_name;  // in the bytes
  std::vector<upstream::EndpointPtr> endpoints;
};

/// A ClusterLoadAssignment on the wire. Nothing: it has more than that, or something is wrong with it; then the message says
/// what.
std::optional<PlainAssignment> read_plain_assignment(std::string_view bytes);

}  // namespace outrigger::xds
