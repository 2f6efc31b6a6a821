#include "control_plane/codec.h"

#include <algorithm>
#include "envoy/service/discovery/v3/discovery.pb.h"

namespace outrigger::control_plane {

namespace discovery_v3 = envoy::service::discovery::v3;

namespace {

std::string agent_of(const envoy::config::core::v3::Node& n) {
  std::string out = n.user_agent_name();
  if (n.has_user_agent_build_version()) {
    const auto& v = n.user_agent_build_version().version();
    out += " " + std::to_string(v.major_number()) + "." + std::to_string(v.minor_number()) + "." + std::to_string(v.patch());
  } else if (!n.user_agent_version().empty()) {
    out += " " + n.user_agent_version();
  }
  return out;
}

template <class Message>
bool take_common(Message& m, xds::Request& q, std::optional<NodeInfo>& node) {
  if (m.has_node()) node = NodeInfo{m.node().id(), m.node().cluster(), agent_of(m.node())};
  if (node && std::max({node->id.size(), node->cluster.size(), node->agent.size()}) > NodeInfo::kMax) return false;
  q.type_url = std::move(*m.mutable_type_url());
  q.nonce = std::move(*m.mutable_response_nonce());
  if (m.has_error_detail()) q.error = std::move(*m.mutable_error_detail()->mutable_message());
  return true;
}

}  // namespace

bool decode_request(std::string_view message, bool delta, xds::Request& q, std::optional<NodeInfo>& node) {
  if (!delta) {
    discovery_v3::DiscoveryRequest m;
    if (!m.ParseFromArray(message.data(), static_cast<int>(message.size()))) return false;
    if (!take_common(m, q, node)) return false;
    q.version = std::move(*m.mutable_version_info());
    for (auto& name : *m.mutable_resource_names()) q.names.push_back(std::move(name));
    return true;
  }
  discovery_v3::DeltaDiscoveryRequest m;
  if (!m.ParseFromArray(message.data(), static_cast<int>(message.size()))) return false;
  if (!take_common(m, q, node)) return false;
  for (auto& name : *m.mutable_resource_names_subscribe()) q.subscribe.push_back(std::move(name));
  for (auto& name : *m.mutable_resource_names_unsubscribe()) q.unsubscribe.push_back(std::move(name));
  for (auto& [name, version] : *m.mutable_initial_resource_versions()) q.initial_versions.emplace(name, std::move(version));
  return true;
}

std::string encode_answer(const Answer& a, bool delta, const std::string& control_plane) {
  if (!delta) {
    discovery_v3::DiscoveryResponse m;
    m.set_version_info(a.version);
    m.set_type_url(a.type_url);
    m.set_nonce(a.nonce);
    m.mutable_control_plane()->set_identifier(control_plane);
    for (const auto& item : a.items) {
      auto& any = *m.add_resources();
      any.set_type_url(item->type_url);
      any.set_value(item->body);
    }
    return m.SerializeAsString();
  }
  discovery_v3::DeltaDiscoveryResponse m;
  m.set_system_version_info(a.version);
  m.set_type_url(a.type_url);
  m.set_nonce(a.nonce);
  m.mutable_control_plane()->set_identifier(control_plane);
  for (const auto& item : a.items) {
    auto& r = *m.add_resources();
    r.set_name(item->name);
    r.set_version(item->version);
    r.mutable_resource()->set_type_url(item->type_url);
    r.mutable_resource()->set_value(item->body);
  }
  for (const auto& name : a.removed) m.add_removed_resources(name);
  return m.SerializeAsString();
}

}  // namespace outrigger::control_plane
