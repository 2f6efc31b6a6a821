#include <google/protobuf/util/field_mask_util.h>
#include <re2/re2.h>
#include <ctime>
#include <memory>
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "proxy/server/json.h"
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

/// What is dumped: the parts of the bootstrap as lists of named messages.
struct Section {
  std::string dump_type, list, element_type, field;  // e.g. ClustersConfigDump, static_clusters, StaticCluster, cluster
  std::vector<std::pair<std::string, std::shared_ptr<pb::Message>>> items = {};
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

std::vector<Section> sections_of(const Bootstrap& b) {
  std::vector<Section> all;
  auto& clusters =
      all.emplace_back(Section{"ClustersConfigDump", "static_clusters", "ClustersConfigDump.StaticCluster", "cluster"});
  for (const auto& c : b.static_resources().clusters())
    clusters.items.emplace_back(c.name(), std::make_shared<envoy::config::cluster::v3::Cluster>(c));
  auto& listeners =
      all.emplace_back(Section{"ListenersConfigDump", "static_listeners", "ListenersConfigDump.StaticListener", "listener"});
  for (const auto& l : b.static_resources().listeners())
    listeners.items.emplace_back(l.name(), std::make_shared<envoy::config::listener::v3::Listener>(l));
  all.emplace_back(Section{"ScopedRoutesConfigDump", "inline_scoped_route_configs", "", ""});
  auto& routes =
      all.emplace_back(Section{"RoutesConfigDump", "static_route_configs", "RoutesConfigDump.StaticRouteConfig", "route_config"});
  for (const auto& l : b.static_resources().listeners()) {
    for (const auto& chain : l.filter_chains()) add_routes(chain, routes);
    if (l.has_default_filter_chain()) add_routes(l.default_filter_chain(), routes);
  }
  all.emplace_back(Section{"SecretsConfigDump", "static_secrets", "", ""});
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

/// Keeps what the masks below `prefix` name. False: none of them does.
bool trim(pb::Message& m, const std::string& prefix, const std::vector<std::string>& masks) {
  pb::FieldMask mask;
  bool whole = false, any = false;
  for (const auto& s : masks) {
    if (s == prefix) whole = any = true;
    if (s.compare(0, prefix.size() + 1, prefix + ".") != 0) continue;
    any = true;
    mask.add_paths(s.substr(prefix.size() + 1));
  }
  if (any && !whole) pb::util::FieldMaskUtil::TrimMessage(mask, &m);
  return any;
}

std::string type_url(const std::string& name) { return "type.googleapis.com/envoy.admin.v3." + name; }

class Dump {
 public:
  Dump(Bootstrap b, std::string updated) : bootstrap_(std::move(b)), updated_(std::move(updated)) {}

  void page(const AdminRequest& q, AdminResponse& r) {
    if (q.has("name_regex")) {
      re2::RE2::Options options;
      options.set_log_errors(false);
      name_ = std::make_unique<re2::RE2>(q.get("name_regex"), options);
      if (!name_->ok())
        return r.bad_request("INVALID_ARGUMENT: Error while parsing name_regex from " + q.get("name_regex") + ": " +
                             name_->error() + "\n");
    }
    masks_ = split(q.get("mask"));
    j_.begin_object();
    j_.begin_list("configs");
    const bool ok = q.has("resource") ? resource(q.get("resource"), r) : everything(r);
    if (!ok) return;
    j_.end();
    j_.end();
    r.json(j_.take());
  }

 private:
  bool wanted(const std::string& name) const { return name_ == nullptr || re2::RE2::FullMatch(name, *name_); }

  void element(const Section& s, pb::Message& m, std::string_view type) {
    j_.begin_object();
    if (!type.empty()) j_.text("@type", type);
    const bool masked = !masks_.empty() && !type.empty();
    if (!masked || trim(m, s.field, masks_))
      write_message(m, s.field, j_, "type.googleapis.com/" + m.GetDescriptor()->full_name());
    if (!masked || std::find(masks_.begin(), masks_.end(), "last_updated") != masks_.end()) j_.text("last_updated", updated_);
    j_.end();
  }

  bool resource(const std::string& name, AdminResponse& r) {
    if (name == "bootstrap")
      return r.bad_request("bootstrap is not a repeated field. Use ?mask=bootstrap to get only this field\n"), false;
    for (auto& s : sections_of(bootstrap_)) {
      if (s.list != name && dynamic_of(s.list) != name) continue;
      if (s.list == name)
        for (auto& [item, m] : s.items)
          if (wanted(item)) element(s, *m, type_url(s.element_type));
      return true;
    }
    r.status = 404;
    r.body = name + " not found in config dump\n";
    return false;
  }
  static std::string dynamic_of(const std::string& list) {
    return list == "static_clusters" ? "dynamic_active_clusters" : "dynamic_" + list.substr(list.find('_') + 1);
  }

  bool everything(AdminResponse& r) {
    bool any = masks_.empty();
    if (masks_.empty() || trim(bootstrap_, "bootstrap", masks_)) {
      any = true;
      j_.begin_object();
      j_.text("@type", type_url("BootstrapConfigDump"));
      write_message(bootstrap_, "bootstrap", j_);
      if (masks_.empty()) j_.text("last_updated", updated_);
      j_.end();
    }
    for (auto& s : sections_of(bootstrap_)) {
      const bool listed = std::find(masks_.begin(), masks_.end(), s.list) != masks_.end();
      if (!masks_.empty() && !listed) continue;
      any = true;
      j_.begin_object();
      j_.text("@type", type_url(s.dump_type));
      bool begun = false;
      for (auto& [item, m] : s.items) {
        if (!wanted(item)) continue;
        if (!begun) j_.begin_list(s.list);
        begun = true;
        element(s, *m, "");
      }
      if (begun) j_.end();
      j_.end();
    }
    if (!any) {
      std::string all;
      for (const auto& m : masks_) all += (all.empty() ? "" : ",") + m;
      r.bad_request("FieldMask " + all + " could not be successfully applied to any configs.\n");
    }
    return any;
  }

  Bootstrap bootstrap_;
  std::string updated_;
  std::unique_ptr<re2::RE2> name_;
  std::vector<std::string> masks_;
  JsonWriter j_;
};

}  // namespace

void add_config_dump(server::Server& server, const Bootstrap& bootstrap) {
  auto bytes = std::make_shared<const std::string>(bootstrap.SerializeAsString());
  const std::string updated = time_text(server.started_at());
  server.admin().add({"/config_dump",
                      "dump current configs",
                      false,
                      [bytes, updated](const AdminRequest& q, AdminResponse& r) {
                        Bootstrap b;
                        b.ParseFromString(*bytes);
                        Dump(std::move(b), updated).page(q, r);
                      },
                      {{"resource", "one list, such as static_clusters"},
                       {"mask", "fields to print, separated by commas"},
                       {"name_regex", "only resources whose whole name matches (RE2)"},
                       {"include_eds", "with the endpoints of clusters that have them from EDS"}}});
}

}  // namespace outrigger::xds
