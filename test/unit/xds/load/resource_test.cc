// Resources off the wire: what refuses a whole push, and what refuses one of its resources.
#include <catch2/catch.hpp>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "google/protobuf/unknown_field_set.h"
#include "xds/load/any_type.h"
#include "xds/load/resource.h"

namespace outrigger::xds {
namespace {

using envoy::config::cluster::v3::Cluster;

struct Outcome {
  std::string push, resource;  // why it is refused
  std::size_t unknown = 0;
};

Outcome take(const Cluster& c, bool reject_unknown = false) {
  Outcome o;
  Cluster m;
  const std::string type = canonical_type_url(*Cluster::descriptor()), body = c.SerializeAsString();
  const Resource r{c.name(), "", type, body};
  if (const auto taken = parse_resource(r, m, reject_unknown, o.resource, o.unknown); !taken) o.push = taken.error().detail;
  return o;
}

TEST_CASE("a field that nobody knows is counted, and refuses nothing unless that is wished", "[xds]") {
  Cluster c;
  c.set_name("c");
  c.GetReflection()->MutableUnknownFields(&c)->AddVarint(9999, 1);
  const Outcome o = take(c);
  CHECK(o.push.empty());
  CHECK(o.resource.empty());
  CHECK(o.unknown == 1);
  const Outcome strict = take(c, true);
  CHECK(strict.push.empty());
  CHECK(strict.resource == "envoy.config.cluster.v3.Cluster has no field of the number 9999");
}

TEST_CASE("a field that is not implemented refuses its resource, not the push", "[xds]") {
  Cluster c;
  c.set_name("c");
  c.GetReflection()->MutableUnknownFields(&c)->AddLengthDelimited(42, "");  // lrs_server
  const Outcome o = take(c);
  CHECK(o.push.empty());
  CHECK(o.resource ==
        "lrs_server: field 'lrs_server' of envoy.config.cluster.v3.Cluster is known to Envoy and not implemented by Outrigger");
}

TEST_CASE("a resource that breaks a rule of the API refuses the push", "[xds]") {
  Cluster c;
  c.set_name("");
  CHECK(take(c).push == "'': Proto constraint validation failed (name: must not be empty)");
}

}  // namespace
}  // namespace outrigger::xds
