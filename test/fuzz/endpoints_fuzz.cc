// Assignments of endpoints off the wire: what is read without messages is what the messages say.
#include <google/protobuf/stubs/logging.h>

#include <cstdint>
#include <string_view>

#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "fuzz/check.h"
#include "xds/compile/endpoints.h"
#include "xds/compile/plain_endpoints.h"
#include "xds/load/received.h"
#include "xds/load/validate.h"

using namespace outrigger;       // NOLINT: a program of its own
using namespace outrigger::xds;  // NOLINT

namespace {

bool equal(const upstream::Endpoint& a, const upstream::Endpoint& b) {
  const bool same_metadata = a.metadata == nullptr ? b.metadata == nullptr : b.metadata != nullptr && *a.metadata == *b.metadata;
  return a.address == b.address && a.hostname() == b.hostname() && a.weight == b.weight && a.priority == b.priority &&
         a.locality_weight == b.locality_weight && *a.locality == *b.locality && a.health == b.health && a.canary == b.canary &&
         same_metadata;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  [[maybe_unused]] static auto* const quiet = google::protobuf::SetLogHandler(nullptr);
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto plain = read_plain_assignment(bytes);
  if (!plain) return 0;
  envoy::config::endpoint::v3::ClusterLoadAssignment m;
  check(m.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  Problems problems;
  xds::validate(m, Path(), problems, Depth::everything, false);
  check(settle_received(m, Path(), true, problems) == 0);
  const auto policy = compile_assignment_policy(m.policy(), Path(), problems);
  const auto endpoints = compile_endpoint_list(m, Path(), problems);
  check(problems.list().empty() && policy == upstream::AssignmentPolicy());
  check(plain->cluster_name == m.cluster_name() && plain->endpoints.size() == endpoints.size());
  for (std::size_t i = 0; i < endpoints.size(); ++i) check(equal(*plain->endpoints[i], *endpoints[i]));
  return 0;
}
