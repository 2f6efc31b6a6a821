// What is served: resources by type and name, as they go over the wire. Made on the main thread when the directory is read,
// immutable from then on, shared by all streams.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace outrigger::control_plane {

inline constexpr std::string_view kClusters = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
inline constexpr std::string_view kEndpoints = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
inline constexpr std::string_view kListeners = "type.googleapis.com/envoy.config.listener.v3.Listener";
inline constexpr std::string_view kRoutes = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
inline constexpr std::string_view kScopes = "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration";
inline constexpr std::string_view kSecrets = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
inline constexpr std::string_view kVirtualHosts = "type.googleapis.com/envoy.config.route.v3.VirtualHost";
inline constexpr std::string_view kExtensions = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
inline constexpr std::string_view kRuntimes = "type.googleapis.com/envoy.service.runtime.v3.Runtime";

struct Item {
  std::string type_url, name, body;
  std::string version;       // by its content
  std::string endpoints_of;  // of a cluster whose endpoints come from here: what they are called; else empty
};
using ItemPtr = std::shared_ptr<const Item>;

/// All of one type.
struct TypeItems {
  std::map<std::string, ItemPtr, std::less<>> items;
  std::string version;  // by all of their content
};
using TypeItemsPtr = std::shared_ptr<const TypeItems>;

/// What one proxy is given, by type.
using View = std::map<std::string, TypeItemsPtr, std::less<>>;
using ViewPtr = std::shared_ptr<const View>;

/// Never null.
TypeItemsPtr items_of(const View& view, std::string_view type_url);
/// 16 hexadecimal digits.
std::string version_of(std::string_view content);
/// Of all of these together.
std::string version_of(const std::map<std::string, ItemPtr, std::less<>>& items);
/// "Cluster" of its type URL.
std::string_view short_type(std::string_view type_url);

}  // namespace outrigger::control_plane
