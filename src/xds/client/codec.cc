#include "xds/client/codec.h"

#include <algorithm>
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "proxy/base/utf8.h"
#include "proxy/base/wire.h"

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

/// A google.protobuf.Duration.
Duration to_time(std::string_view message) {
  constexpr std::int64_t kSecondsMax = 1'000'000'000;
  Duration t{};
  for (WireReader r(message); r.next();) {
    if (!r.has_number()) continue;
    const auto n = std::clamp(static_cast<std::int64_t>(r.number()), -kSecondsMax, kSecondsMax);
    if (r.field() == 1) t += std::chrono::seconds(n);
    if (r.field() == 2) t += std::chrono::microseconds(n / 1000);
  }
  return t;
}

/// A string of the API is UTF-8; what is none makes the whole no message.
bool take_text(std::string_view bytes, std::string& into) {
  into = bytes;
  return is_utf8(bytes);
}

bool take_any(std::string_view message, std::string_view& type_url, std::string_view& value) {
  WireReader r(message);
  while (r.next()) {
    if (!r.has_bytes()) continue;
    if (r.field() == 1) type_url = r.bytes();
    if (r.field() == 2) value = r.bytes();
  }
  return r.ok() && is_utf8(type_url);
}

/// envoy.service.discovery.v3.Resource: of delta, or around a resource of the other variant.
bool take_resource(std::string_view message, Resource& o) {
  WireReader r(message);
  o.heartbeat = true;
  bool good = true;
  while (good && r.next()) {
    if (!r.has_bytes()) continue;
    switch (r.field()) {
      case 1: good = take_text(r.bytes(), o.version); break;
      case 2:
        o.heartbeat = false;
        good = take_any(r.bytes(), o.type_url, o.body);
        break;
      case 3: good = take_text(r.bytes(), o.name); break;
      case 4: good = take_text(r.bytes(), o.aliases.emplace_back()); break;
      case 6: o.ttl = to_time(r.bytes()); break;
      default: break;
    }
  }
  return good && r.ok();
}

/// An entry of DiscoveryResponse.resources.
bool take_state_resource(std::string_view any, Resource& o) {
  if (!take_any(any, o.type_url, o.body)) return false;
  static const std::string wrapper = "/" + discovery_v3::Resource::descriptor()->full_name();
  if (!o.type_url.ends_with(wrapper)) return true;
  Resource inside;
  if (take_resource(o.body, inside)) o = std::move(inside);
  return true;
}

/// envoy.service.discovery.v3.DiscoveryResponse or DeltaDiscoveryResponse: they differ in resources and from field 6 on.
bool take_response(std::string_view message, bool delta, Response& o) {
  WireReader r(message);
  bool good = true;
  while (good && r.next()) {
    if (!r.has_bytes()) continue;
    switch (r.field()) {
      case 1: good = take_text(r.bytes(), o.version); break;
      case 2: {
        auto& resource = o.resources.emplace_back();
        good = delta ? take_resource(r.bytes(), resource) : take_state_resource(r.bytes(), resource);
        break;
      }
      case 4: good = take_text(r.bytes(), o.type_url); break;
      case 5: good = take_text(r.bytes(), o.nonce); break;
      case 6:
      case 7:
        if (delta && r.field() == 6) good = take_text(r.bytes(), o.removed.emplace_back());
        if (r.field() == (delta ? 7U : 6U)) good = take_text(wire_bytes(r.bytes(), 1), o.control_plane);
        break;
      default: break;
    }
  }
  return good && r.ok();
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

bool decode_response(std::string message, Subscription::Kind kind, Response& into) {
  return take_response(into.keep(std::move(message)), kind == Subscription::Kind::delta, into);
}

}  // namespace outrigger::xds
