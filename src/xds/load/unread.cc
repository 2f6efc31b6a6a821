#include "xds/load/unread.h"

namespace outrigger::xds {

bool is_choice(const google::protobuf::Descriptor& d) {
  return d.full_name() == "envoy.config.cluster.v3.LoadBalancingPolicy.Policy";
}

bool is_filter_config(std::string_view message) { return message == "envoy.config.route.v3.FilterConfig"; }

bool is_unread(const google::protobuf::Message& m, const google::protobuf::FieldDescriptor& f) {
  const auto* d = m.GetDescriptor();
  return f.name() == "config" && is_filter_config(d->full_name()) &&
         m.GetReflection()->GetBool(m, d->FindFieldByName("disabled"));
}

}  // namespace outrigger::xds
