#include <google/protobuf/util/field_mask_util.h>
#include <re2/re2.h>
#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "proxy/server/json.h"
#include "xds/admin/endpoints.h"
#include "xds/admin/pages.h"
#include "xds/admin/to_json.h"

namespace outrigger::xds {

namespace pb = google::protobuf;
using envoy::config::bootstrap::v3::Bootstrap;
using Manager = envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using server::AdminRequest;
using server::AdminResponse;
using server::JsonWriter;

namespace {

std::string time_text(WallTime t) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count();
  const std::time_t s = ms / 1000;
  std::tm tm;
  gmtime_r(&s, &tm);
  char text[64];
  const auto n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
  char tail[16];
  std::snprintf(tail, sizeof tail, ".%03dZ", static_cast<int>(ms % 1000));
  return std::string(text, n) + tail;
}

constexpr const char* kSecretsDump = "SecretsConfigDump";

/// What is dumped: the parts of the bootstrap as lists of named messages. Of the lists of a dump, the
/// first is that of the bootstrap.
struct Section {
  std::string dump_type;            // e.g. ClustersConfigDump
  std::vector<std::string> lists;   // e.g. static_clusters, dynamic_active_clusters
  std::string element_type, field;  // e.g. ClustersConfigDump.StaticCluster, cluster
  std::vector<std::pair<std::string, std::shared_ptr<pb::Message>>> items = {};
  bool dated = true;
  bool has(const std::string& list) const { return std::find(lists.begin(), lists.end(), list) != lists.end(); }
};

void add_routes(const envoy::config::listener::v3::FilterChain& chain, Section& routes) {
  for (const auto& f : chain.filters()) {
    if (!f.typed_config().Is<Manager>()) continue;
    Manager m;
    if (!f.typed_config().UnpackTo(&m) || !m.has_route_config()) continue;
    routes.items.emplace_back(m.route_config().name(),
                              std::make_shared<envoy::config::route::v3::RouteConfiguration>(m.route_config()));
  }
}

std::vector<Section> sections_of(const Bootstrap& b,
                                 const std::optional<std::vector<endpoint_v3::ClusterLoadAssignment>>& endpoints) {
  std::vector<Section> all;
  Section clusters{"ClustersConfigDump",
                   {"static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters"},
                   "ClustersConfigDump.StaticCluster",
                   "cluster"};
  for (const auto& c : b.static_resources().clusters())
    clusters.items.emplace_back(c.name(), std::make_shared<envoy::config::cluster::v3::Cluster>(c));
  std::sort(clusters.items.begin(), clusters.items.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  all.push_back(std::move(clusters));
  if (endpoints) {
    Section s{"EndpointsConfigDump",
              {"static_endpoint_configs", "dynamic_endpoint_configs"},
              "EndpointsConfigDump.StaticEndpointConfig",
              "endpoint_config"};
    s.dated = false;
    for (const auto& e : *endpoints)
      s.items.emplace_back(e.cluster_name(), std::make_shared<endpoint_v3::ClusterLoadAssignment>(e));
    all.push_back(std::move(s));
  }
  Section listeners{
      "ListenersConfigDump", {"static_listeners", "dynamic_listeners"}, "ListenersConfigDump.StaticListener", "listener"};
  for (const auto& l : b.static_resources().listeners())
    listeners.items.emplace_back(l.name(), std::make_shared<envoy::config::listener::v3::Listener>(l));
  all.push_back(std::move(listeners));
  all.push_back({"ScopedRoutesConfigDump", {"inline_scoped_route_configs", "dynamic_scoped_route_configs"}, "", ""});
  Section routes{"RoutesConfigDump",
                 {"static_route_configs", "dynamic_route_configs"},
                 "RoutesConfigDump.StaticRouteConfig",
                 "route_config"};
  for (const auto& l : b.static_resources().listeners()) {
    for (const auto& chain : l.filter_chains()) add_routes(chain, routes);
    if (l.has_default_filter_chain()) add_routes(l.default_filter_chain(), routes);
  }
  all.push_back(std::move(routes));
  all.push_back({kSecretsDump, {"static_secrets", "dynamic_active_secrets", "dynamic_warming_secrets"}, "", ""});
  return all;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> all;
  std::size_t from = 0;
  while (from <= text.size() && !text.empty()) {
    const auto end = text.find(',', from);
    all.push_back(text.substr(from, end == std::string::npos ? end : end - from));
    if (end == std::string::npos) break;
    from = end + 1;
  }
  return all;
}

/// Which parts of "<field>: <message>, last_updated: ..." the masks keep. None: one of them names nothing.
struct Kept {
  bool message = false, updated = false;
  static std::optional<Kept> trim(pb::Message& m, const std::string& field, const std::vector<std::string>& masks) {
    Kept kept;
    bool whole = false;
    pb::FieldMask inner;
    for (const auto& mask : masks) {
      if (mask == "last_updated") {
        kept.updated = true;
      } else if (mask == field) {
        kept.message = whole = true;
      } else if (mask.compare(0, field.size() + 1, field + ".") == 0) {
        const auto rest = mask.substr(field.size() + 1);
        if (!pb::util::FieldMaskUtil::GetFieldDescriptors(m.GetDescriptor(), rest, nullptr)) return {};
        kept.message = true;
        inner.add_paths(rest);
      } else {
        return {};
      }
    }
    if (kept.message && !whole) pb::util::FieldMaskUtil::TrimMessage(inner, &m);
    return kept;
  }
};

std::string type_url(const std::string& name) { return "type.googleapis.com/envoy.admin.v3." + name; }

class Dump {
 public:
  Dump(Bootstrap b, std::string updated, server::Server& server, const SecretStore& secrets)
      : bootstrap_(std::move(b)), updated_(std::move(updated)), server_(server), secrets_(secrets.dynamic()) {
    for (const auto& s : secrets.statics()) secrets_.push_back({s.name(), "", {}, true, s});
  }

  void page(const AdminRequest& q, AdminResponse& r) {
    if (!q.get("name_regex").empty()) {
      re2::RE2::Options options;
      options.set_log_errors(false);
      name_ = std::make_unique<re2::RE2>(q.get("name_regex"), options);
      if (!name_->ok())
        return refuse(r, 400,
                      "INVALID_ARGUMENT: Error while parsing name_regex from " + q.get("name_regex") + ": " + name_->error());
    }
    mask_text_ = q.get("mask");
    masks_ = split(mask_text_);
    const bool endpoints = q.has("include_eds") && server_.clusters().size() > 0;
    sections_ = sections_of(bootstrap_, endpoints ? std::optional(endpoints_of(server_)) : std::nullopt);
    j_.begin_object();
    const bool ok = q.get("resource").empty() ? everything(r) : resource(q.get("resource"), r);
    if (!ok) return;
    if (begun_) j_.end();
    j_.end();
    r.json(j_.take());
  }

 private:
  static void refuse(AdminResponse& r, std::uint16_t status, std::string text) {
    r.status = status;
    r.content_type = "text/plain";
    r.body = std::move(text);
  }
  bool wanted(const std::string& name) const { return name_ == nullptr || re2::RE2::FullMatch(name, *name_); }

  /// One of "configs", which is not there when it would be empty.
  void begin_config(std::string_view type) {
    if (!begun_) j_.begin_list("configs");
    begun_ = true;
    j_.begin_object();
    j_.text("@type", type_url(std::string(type)));
  }
  /// What is in the object of an element, then its end.
  void element(const Section& s, const pb::Message& m, Kept kept) {
    if (kept.message) write_message(m, s.field, j_, "type.googleapis.com/" + m.GetDescriptor()->full_name());
    if (kept.updated && s.dated) j_.text("last_updated", updated_);
    j_.end();
  }

  // Secrets: of the bootstrap, of sources that brought theirs, of sources that have not.
  static constexpr std::string_view kSecretLists[] = {"static_secrets", "dynamic_active_secrets", "dynamic_warming_secrets"};
  static std::string_view list_of(const SecretStore::Shown& s) {
    return kSecretLists[s.updated == WallTime{} && s.arrived ? 0 : s.arrived ? 1 : 2];
  }
  /// What is in the object of a secret, then its end.
  void secret(const SecretStore::Shown& s, const pb::Message& m, Kept kept) {
    const bool is_static = list_of(s) == kSecretLists[0];
    j_.text("name", s.name);
    if (!s.version.empty()) j_.text("version_info", s.version);
    if (!is_static && kept.updated) j_.text("last_updated", time_text(s.updated));
    if (kept.message) write_message(m, "secret", j_, "type.googleapis.com/" + m.GetDescriptor()->full_name());
    j_.end();
  }
  void secrets_section() {
    for (const auto list : kSecretLists) {
      if (!masks_.empty() && !listed(std::string(list))) continue;
      j_.begin_list(list);
      for (const auto& s : secrets_) {
        if (list_of(s) != list || !wanted(s.name)) continue;
        j_.begin_object();
        secret(s, s.secret, {true, true});
      }
      j_.end_unless_empty();
    }
  }
  bool secrets_resource(std::string_view list, AdminResponse& r) {
    for (auto& s : secrets_) {
      if (list_of(s) != list || !wanted(s.name)) continue;
      const auto kept = masks_.empty() ? Kept{true, true} : Kept::trim(s.secret, "secret", masks_);
      if (!kept) return refuse(r, 400, "FieldMask " + mask_text_ + " could not be successfully used."), false;
      begin_config(list == kSecretLists[0] ? "SecretsConfigDump.StaticSecret" : "SecretsConfigDump.DynamicSecret");
      secret(s, s.secret, *kept);
    }
    return true;
  }

  bool resource(const std::string& name, AdminResponse& r) {
    if (name == "bootstrap" || name == "last_updated" || name == "version_info")
      return refuse(r, 400, name + " is not a repeated field. Use ?mask=" + name + " to get only this field"), false;
    for (auto& s : sections_) {
      if (!s.has(name)) continue;
      if (s.dump_type == kSecretsDump) return secrets_resource(name, r);
      if (s.lists.front() != name) return true;
      for (auto& [item, m] : s.items) {
        if (!wanted(item)) continue;
        // What is in the list is an Any, which a mask can't name as a whole.
        const auto kept = masks_.empty() ? Kept{true, true} : listed(s.field) ? std::nullopt : Kept::trim(*m, s.field, masks_);
        if (!kept) return refuse(r, 400, "FieldMask " + paths_text() + " could not be successfully used."), false;
        begin_config(s.element_type);
        element(s, *m, *kept);
      }
      return true;
    }
    return refuse(r, 404, name + " not found in config dump"), false;
  }

  void section(const Section& s) {
    begin_config(s.dump_type);
    if (s.dump_type == kSecretsDump) secrets_section();
    j_.begin_list(s.lists.front());
    for (const auto& [item, m] : s.items) {
      if (!wanted(item) || (!masks_.empty() && !listed(s.lists.front()))) continue;
      j_.begin_object();
      element(s, *m, {true, true});
    }
    j_.end_unless_empty();
    j_.end();
  }
  std::string paths_text() const {
    std::string out;
    for (const auto& mask : masks_) out += "paths: \"" + mask + "\"\n";
    return out;
  }
  bool listed(const std::string& name) const { return std::find(masks_.begin(), masks_.end(), name) != masks_.end(); }

  /// The masks must fit a dump as a whole for it to be printed.
  bool everything(AdminResponse& r) {
    if (const auto kept = masks_.empty() ? Kept{true, true} : Kept::trim(bootstrap_, "bootstrap", masks_)) {
      begin_config("BootstrapConfigDump");
      if (kept->message) write_message(bootstrap_, "bootstrap", j_);
      if (kept->updated) j_.text("last_updated", updated_);
      j_.end();
    }
    for (const auto& s : sections_)
      if (std::all_of(masks_.begin(), masks_.end(), [&](const std::string& m) { return s.has(m); })) section(s);
    if (!begun_) refuse(r, 400, "FieldMask " + mask_text_ + " could not be successfully applied to any configs.");
    return begun_;
  }

  Bootstrap bootstrap_;
  std::string updated_;
  server::Server& server_;
  std::vector<SecretStore::Shown> secrets_;
  std::unique_ptr<re2::RE2> name_;
  std::string mask_text_;
  std::vector<std::string> masks_;
  std::vector<Section> sections_;
  JsonWriter j_;
  bool begun_ = false;
};

}  // namespace

void add_config_dump(server::Server& server, const Bootstrap& bootstrap, const SecretStore& secrets) {
  auto bytes = std::make_shared<const std::string>(bootstrap.SerializeAsString());
  const std::string updated = time_text(server.started_at());
  server.admin().add({"/config_dump",
                      "dump current configs",
                      false,
                      [bytes, updated, &server, &secrets](const AdminRequest& q, AdminResponse& r) {
                        Bootstrap b;
                        b.ParseFromString(*bytes);
                        Dump(std::move(b), updated, server, secrets).page(q, r);
                      },
                      {{"resource", "one list, such as static_clusters"},
                       {"mask", "fields to print, separated by commas"},
                       {"name_regex", "only resources whose whole name matches (RE2)"},
                       {"include_eds", "with the endpoints of all clusters"}}});
}

}  // namespace outrigger::xds
