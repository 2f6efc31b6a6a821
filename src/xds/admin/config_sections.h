// What /config_dump prints besides the bootstrap and the secrets: all resources, by the lists of Envoy's dump messages.
// Main thread; made for one request.
#pragma once
#include <google/protobuf/message.h>
#include <memory>
#include <string>
#include <vector>
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "proxy/server/server.h"
#include "xds/delivery/delivery.h"

namespace outrigger::xds {

/// One resource in one state.
struct DumpItem {
  std::string name;
  std::size_t list = 0;  // of its section
  std::shared_ptr<google::protobuf::Message> message;
  std::string version, updated;  // empty: left out
};

/// A listener that came by LDS, in all states that it is in.
struct DumpListener {
  std::string name;
  std::vector<std::pair<std::string, DumpItem>> states;  // by field: "active_state", "warming_state"
  std::shared_ptr<google::protobuf::Message> refused;    // null: its last update was taken
  std::string refused_at, why, refused_version;
};

/// The scopes of one connection manager.
struct DumpScopes {
  std::string name;
  std::size_t list = 0;  // of its section
  std::vector<std::shared_ptr<google::protobuf::Message>> scopes = {};
  std::string version, updated;
};

struct DumpSection {
  std::string dump_type, version;
  std::vector<std::string> lists;     // e.g. static_clusters, dynamic_active_clusters
  std::vector<std::string> elements;  // their message types below envoy.admin.v3.; empty: nothing is ever in it
  std::string field;                  // of an element, e.g. cluster
  std::vector<DumpItem> items = {};
  std::vector<DumpListener> listeners = {};  // of the list "dynamic_listeners"
  std::vector<DumpScopes> scopes = {};
  bool has(const std::string& list) const;
};

constexpr const char* kSecretsDump = "SecretsConfigDump";
constexpr const char* kDynamicListeners = "dynamic_listeners";

/// `started`: when the bootstrap was read. `endpoints`: with the members of all clusters.
std::vector<DumpSection> dump_sections(const envoy::config::bootstrap::v3::Bootstrap& b, const server::Server& server,
                                       const Delivery& delivery, const std::string& started, bool endpoints);

}  // namespace outrigger::xds
