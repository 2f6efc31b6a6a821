#include "control_plane/file.h"

#include <google/protobuf/any.pb.h>
#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include "control_plane/acceptance.h"
#include "control_plane/references.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "xds/compile/content.h"
#include "xds/load/any_type.h"
#include "xds/load/bootstrap.h"
#include "xds/load/received.h"
#include "xds/load/to_proto.h"
#include "xds/load/validate.h"
#include "xds/protocol/messages.h"
#include "xds/type/v3/typed_struct.pb.h"

namespace outrigger::control_plane {

namespace pb = google::protobuf;
using envoy::config::bootstrap::v3::Bootstrap;
using envoy::service::discovery::v3::DiscoveryResponse;
using xds::Path;
using xds::Problem;
using xds::Problems;
using xds::Severity;

namespace {

constexpr std::array kTypes{kClusters, kEndpoints,    kListeners,    kRoutes,     kScopes,
                            kSecrets,  kVirtualHosts, kExtensions, kRuntimes};

/// Reads one file.
class Reader {
 public:
  Reader(LoadedFile& into, const FileOptions& o) : into_(into), options_(o), problems_(into.problems) {}

  void read() {
    std::ifstream in(into_.name, std::ios::binary);
    std::ostringstream text;
    if (!in || !(text << in.rdbuf())) return fail("cannot be read");
    loaded_.file_name = into_.name;
    if (into_.name.ends_with(".pb"))
      wire(std::move(text).str());
    else if (xds::parse_yaml(text.view(), into_.name, loaded_.file, problems_))
      tree();
    xds::locate_problems(loaded_, problems_);
    if (!problems_.ok()) into_.items.clear();
  }

 private:
  void fail(std::string text) { problems_.add({Severity::error, "", std::move(text), into_.name, 0, 0}); }

  void tree() {
    const xds::Node& root = loaded_.file;
    const xds::ToProtoOptions how{into_.name, false, true};
    if (root.find("resources") != nullptr) {
      DiscoveryResponse m;
      xds::to_proto(root, m, how, problems_);
      for (int i = 0; i < m.resources_size(); ++i) any(m.resources(i), Path().at("resources", i));
    } else if (root.find("@type") != nullptr) {
      pb::Any m;
      xds::to_proto(root, m, how, problems_);
      any(m, Path());
    } else if (root.find("static_resources") != nullptr || root.find("staticResources") != nullptr) {
      Bootstrap m;
      xds::to_proto(root, m, how, problems_);
      xds::validate(m, Path(), problems_);
      bootstrap(m);
    } else {
      problems_.add({Severity::error, "",
                     "these are no resources: expected 'resources' (a list), '@type' (one resource) or a bootstrap's "
                     "'static_resources'",
                     into_.name, 1, 1});
    }
  }

  /// Binary: what only Envoy knows goes through as it is.
  void wire(const std::string& text) {
    DiscoveryResponse m;
    if (!m.ParseFromString(text)) return fail("not a binary envoy.service.discovery.v3.DiscoveryResponse");
    for (int i = 0; i < m.resources_size(); ++i) any(m.resources(i), Path().at("resources", i));
  }

  void bootstrap(const Bootstrap& b) {
    const auto& r = b.static_resources();
    const Path root, at = root / "static_resources";
    for (int i = 0; i < r.clusters_size(); ++i) resource(r.clusters(i), at.at("clusters", i));
    for (int i = 0; i < r.listeners_size(); ++i) resource(r.listeners(i), at.at("listeners", i));
    for (int i = 0; i < r.secrets_size(); ++i) resource(r.secrets(i), at.at("secrets", i));
  }

  void any(const pb::Any& a, const Path& at) {
    if (a.type_url().empty()) {
      if (!told(at.text())) problems_.error(at, "a resource needs its type: '@type'");
      return;
    }
    const auto* d = xds::find_any_type(a.type_url());
    const bool known = d != nullptr && std::find(kTypes.begin(), kTypes.end(), xds::canonical_type_url(*d)) != kTypes.end();
    if (!known) {
      std::string list;
      for (const auto type : kTypes)
        if (xds::find_any_type(type) != nullptr) (list += list.empty() ? "" : ", ") += short_type(type);
      ::xds::type::v3::TypedStruct foreign;
      return problems_.error(at, "'" + (a.UnpackTo(&foreign) ? foreign.type_url() : a.type_url()) +
                                     "' is no resource that can be served: these are " + list);
    }
    const std::unique_ptr<pb::Message> m(pb::MessageFactory::generated_factory()->GetPrototype(d)->New());
    if (!m->ParsePartialFromString(a.value())) return problems_.error(at, "the bytes are not a " + d->full_name());
    Problems rules;
    if (into_.name.ends_with(".pb")) {
      const std::unique_ptr<pb::Message> settled(m->New());
      settled->CopyFrom(*m);
      xds::settle_received(*settled, at, false, rules);
      xds::validate(*settled, at, rules);
      soften(rules, at);
    } else {
      xds::validate(*m, at, rules);
      for (auto& p : rules.list()) problems_.add(std::move(p));
    }
    resource(*m, at);
  }

  /// Whatever it is: a proxy that knows more may take it.
  void soften(Problems& from, const Path& at) {
    for (auto& p : from.list()) {
      if (p.severity == Severity::error && !options_.strict) {
        p.severity = Severity::warning;
        p.text = "Outrigger would refuse it: " + p.text;
      }
      if (p.path.empty()) p.path = at.text();
      if (!told(p.path)) problems_.add(std::move(p));
    }
  }
  /// Of this field or of what is around it.
  bool told(const std::string& path) const {
    const auto& list = problems_.list();
    return std::any_of(list.begin(), list.end(), [&](const Problem& p) { return !p.path.empty() && path.starts_with(p.path); });
  }

  void resource(const pb::Message& m, const Path& at) {
    auto item = std::make_shared<Item>();
    item->type_url = xds::canonical_type_url(*m.GetDescriptor());
    item->body = xds::content_bytes(m);
    item->name = xds::name_of_resource(item->body);
    item->version = version_of(item->body);
    item->endpoints_of = endpoints_of(m);
    if (item->name.empty()) problems_.error(at, "a resource needs a name");
    LoadedItem& l = into_.items.emplace_back(LoadedItem{item, place(at), {}});
    find_references(m, at, [&](std::string_view type_url, const std::string& name, const Path& here) {
      l.references.push_back({type_url, name, place(here)});
    });
    Problems found;
    acceptance_.check(m, at, found);
    soften(found, at);
  }

  Place place(const Path& at) const {
    Place p{0, 0, at.text()};
    const xds::Node* n = loaded_.file.kind == xds::Node::null ? nullptr : xds::locate(loaded_.file, p.path);
    if (n == nullptr) return p;
    p.line = n->key_line != 0 ? n->key_line : n->line;
    p.column = n->key_line != 0 ? n->key_column : n->column;
    return p;
  }

  LoadedFile& into_;
  const FileOptions& options_;
  Problems& problems_;
  xds::LoadedBootstrap loaded_;
  Acceptance acceptance_;
};

}  // namespace

bool is_resource_file(std::string_view name) {
  if (name.empty() || name.front() == '.') return false;
  return std::ranges::any_of(std::array{".yaml", ".yml", ".json", ".pb"}, [&](const char* end) { return name.ends_with(end); });
}

LoadedFile load_file(const std::string& name, const FileOptions& o) {
  LoadedFile file;
  file.name = name;
  Reader(file, o).read();
  return file;
}

}  // namespace outrigger::control_plane
