#include "xds/client/codec.h"

#include "envoy/service/discovery/v3/discovery.pb.h"

namespace outrigger::xds {

namespace discovery_v3 = envoy::service::discovery::v3;

namespace {

constexpr int kInternal = 13;  // gRPC's code, as Envoy says it of every refusal

template <class Message>
void add_common(const Request& q, std::string_view node, Message& m) {
  m.set_type_url(q.type_url);
  m.set_response_nonce(q.nonce);
  if (!node.empty()) m.mutable_node()->ParseFromArray(node.data(), static_cast<int>(node.size()));
  if (!q.error) return;
  m.mutable_error_detail()->set_code(kInternal);
  m.mutable_error_detail()->set_message(*q.error);
}

Duration to_time(const google::protobuf::Duration& d) {
  return std::chrono::seconds(d.seconds()) + std::chrono::microseconds(d.nanos() / 1000);
}

/// Of delta, or around a resource of the other variant.
Resource take(discovery_v3::Resource& from) {
  Resource r;
  r.name = std::move(*from.mutable_name());
  r.version = std::move(*from.mutable_version());
  if (from.has_ttl()) r.ttl = to_time(from.ttl());
  r.heartbeat = !from.has_resource();
  for (auto& alias : *from.mutable_aliases()) r.aliases.push_back(std::move(alias));
  r.type_url = std::move(*from.mutable_resource()->mutable_type_url());
  r.body = std::move(*from.mutable_resource()->mutable_value());
  return r;
}

bool decode_state(std::string_view message, Response& o) {
  discovery_v3::DiscoveryResponse m;
  if (!m.ParseFromArray(message.data(), static_cast<int>(message.size()))) return false;
  o.type_url = std::move(*m.mutable_type_url());
  o.version = std::move(*m.mutable_version_info());
  o.nonce = std::move(*m.mutable_nonce());
  o.control_plane = m.control_plane().identifier();
  for (auto& any : *m.mutable_resources()) {
    discovery_v3::Resource wrapped;
    if (any.Is<discovery_v3::Resource>() && any.UnpackTo(&wrapped))
      o.resources.push_back(take(wrapped));
    else
      o.resources.push_back({"", "", std::move(*any.mutable_type_url()), std::move(*any.mutable_value())});
  }
  return true;
}

bool decode_delta(std::string_view message, Response& o) {
  discovery_v3::DeltaDiscoveryResponse m;
  if (!m.ParseFromArray(message.data(), static_cast<int>(message.size()))) return false;
  o.type_url = std::move(*m.mutable_type_url());
  o.version = std::move(*m.mutable_system_version_info());
  o.nonce = std::move(*m.mutable_nonce());
  o.control_plane = m.control_plane().identifier();
  for (auto& r : *m.mutable_resources()) o.resources.push_back(take(r));
  for (auto& name : *m.mutable_removed_resources()) o.removed.push_back(std::move(name));
  return true;
}

}  // namespace

std::string encode_request(const Request& q, Subscription::Kind kind, std::string_view node) {
  if (kind == Subscription::Kind::state_of_the_world) {
    discovery_v3::DiscoveryRequest m;
    add_common(q, node, m);
    m.set_version_info(q.version);
    for (const auto& name : q.names) m.add_resource_names(name);
    return m.SerializeAsString();
  }
  discovery_v3::DeltaDiscoveryRequest m;
  add_common(q, node, m);
  for (const auto& name : q.subscribe) m.add_resource_names_subscribe(name);
  for (const auto& name : q.unsubscribe) m.add_resource_names_unsubscribe(name);
  for (const auto& [name, version] : q.initial_versions) (*m.mutable_initial_resource_versions())[name] = version;
  return m.SerializeAsString();
}

bool decode_response(std::string_view message, Subscription::Kind kind, Response& into) {
  return kind == Subscription::Kind::delta ? decode_delta(message, into) : decode_state(message, into);
}

}  // namespace outrigger::xds
