#include <google/protobuf/util/field_mask_util.h>
#include <re2/re2.h>
#include <algorithm>
#include <memory>
#include <optional>
#include "proxy/base/time_text.h"
#include "proxy/server/json.h"
#include "xds/admin/config_sections.h"
#include "xds/admin/pages.h"
#include "xds/admin/to_json.h"

namespace outrigger::xds {

namespace pb = google::protobuf;
using envoy::config::bootstrap::v3::Bootstrap;
using server::AdminRequest;
using server::AdminResponse;
using server::JsonWriter;

namespace {

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
  bool message = false, updated = false, version = false;
  static std::optional<Kept> trim(pb::Message& m, const std::string& field, const std::vector<std::string>& masks) {
    Kept kept;
    bool whole = false;
    pb::FieldMask inner;
    for (const auto& mask : masks) {
      if (mask == "last_updated") {
        kept.updated = true;
      } else if (mask == "version_info") {
        kept.version = true;
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
  Dump(Bootstrap b, std::string updated, server::Server& server, const SecretStore& secrets, const Delivery& delivery)
      : bootstrap_(std::move(b)),
        updated_(std::move(updated)),
        server_(server),
        delivery_(delivery),
        secrets_(secrets.dynamic()) {
    for (const auto& s : secrets.statics()) secrets_.push_back({s.name(), "", {}, true, s});
  }

  void page(const AdminRequest& q, AdminResponse& r) {
    if (!q.get("name_regex").empty()) {
      name_ = std::make_unique<re2::RE2>(q.get("name_regex"), re2::RE2::Quiet);
      if (!name_->ok())
        return refuse(r, 400,
                      "INVALID_ARGUMENT: Error while parsing name_regex from " + q.get("name_regex") + ": " + name_->error());
    }
    mask_text_ = q.get("mask");
    masks_ = split(mask_text_);
    const bool endpoints = q.has("include_eds") && server_.clusters().size() > 0;
    sections_ = dump_sections(bootstrap_, server_, delivery_, updated_, endpoints);
    j_.begin_object();
    const bool ok = q.get("resource").empty() ? everything(r) : resource(q.get("resource"), r);
    if (!ok) return;
    if (begun_) j_.end();
    if (q.get("resource").empty() && masks_.empty()) not_active();
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
  void element(const DumpSection& s, const DumpItem& i, Kept kept) {
    if (kept.version && !i.version.empty()) j_.text("version_info", i.version);
    const auto& m = *i.message;
    if (kept.message) write_message(m, s.field, j_, "type.googleapis.com/" + m.GetDescriptor()->full_name());
    if (kept.updated && !i.updated.empty()) j_.text("last_updated", i.updated);
    j_.end();
  }
  /// A listener with the states that it is in.
  void listener(const DumpSection& s, const DumpListener& l) {
    j_.text("name", l.name);
    for (const auto& [state, item] : l.states) {
      j_.begin_object(state);
      element(s, item, {true, true, true});
    }
    if (l.refused != nullptr) {
      j_.begin_object("error_state");
      write_message(*l.refused, "failed_configuration", j_, "type.googleapis.com/" + l.refused->GetDescriptor()->full_name());
      j_.text("last_update_attempt", l.refused_at);
      j_.text("details", l.why);
      if (!l.refused_version.empty()) j_.text("version_info", l.refused_version);
      j_.end();
    }
    j_.end();
  }

  /// What is in the object of a manager's scopes, then its end.
  void scopes(const DumpScopes& d) {
    j_.text("name", d.name);
    if (!d.version.empty()) j_.text("version_info", d.version);
    j_.begin_list("scoped_route_configs");
    for (const auto& m : d.scopes) write_message(*m, "", j_, "type.googleapis.com/" + m->GetDescriptor()->full_name());
    j_.end_unless_empty();
    j_.text("last_updated", d.updated);
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

  /// Beyond Envoy: extensions that are accepted, and what they lack. Not there without any.
  void not_active() {
    const auto* list = delivery_.not_active();
    if (list == nullptr || list->all().empty()) return;
    j_.begin_list("extensions_not_active");
    for (const auto& [name, e] : list->all()) {
      j_.begin_object();
      j_.text("name", name);
      j_.text("type_url", "type.googleapis.com/" + e.type);
      j_.text("lacks", e.lacks);
      j_.end();
    }
    j_.end();
  }

  bool resource(const std::string& name, AdminResponse& r) {
    if (name == "bootstrap" || name == "last_updated" || name == "version_info")
      return refuse(r, 400, name + " is not a repeated field. Use ?mask=" + name + " to get only this field"), false;
    for (auto& s : sections_) {
      if (!s.has(name)) continue;
      if (s.dump_type == kSecretsDump) return secrets_resource(name, r);
      const auto list = static_cast<std::size_t>(std::find(s.lists.begin(), s.lists.end(), name) - s.lists.begin());
      for (auto& item : s.items) {
        if (item.list != list || !wanted(item.name)) continue;
        // What is in the list is an Any, which a mask can't name as a whole.
        const auto kept = masks_.empty()    ? Kept{true, true, true}
                          : listed(s.field) ? std::nullopt
                                            : Kept::trim(*item.message, s.field, masks_);
        if (!kept) return refuse(r, 400, "FieldMask " + paths_text() + " could not be successfully used."), false;
        begin_config(s.elements[list]);
        element(s, item, *kept);
      }
      for (const auto& d : s.scopes) {
        if (d.list != list || !wanted(d.name)) continue;
        if (!masks_.empty()) return refuse(r, 400, "FieldMask " + paths_text() + " could not be successfully used."), false;
        begin_config(s.elements[list]);
        scopes(d);
      }
      return name == kDynamicListeners ? dynamic_listeners(s, r) : true;
    }
    return refuse(r, 404, name + " not found in config dump"), false;
  }

  /// Of masks only whole states and the name.
  bool dynamic_listeners(const DumpSection& s, AdminResponse& r) {
    for (const auto& l : s.listeners) {
      if (!wanted(l.name)) continue;
      DumpListener kept = l;
      if (!masks_.empty()) {
        std::erase_if(kept.states, [&](const auto& state) { return !listed(state.first); });
        if (!listed("error_state")) kept.refused = nullptr;
        for (const auto& mask : masks_)
          if (mask != "name" && mask != "active_state" && mask != "warming_state" && mask != "draining_state" &&
              mask != "error_state")
            return refuse(r, 400, "FieldMask " + paths_text() + " could not be successfully used."), false;
      }
      begin_config("ListenersConfigDump.DynamicListener");
      listener(s, kept);
    }
    return true;
  }

  void section(const DumpSection& s) {
    begin_config(s.dump_type);
    if (!s.version.empty() && masks_.empty()) j_.text("version_info", s.version);
    if (s.dump_type == kSecretsDump) secrets_section();
    for (std::size_t list = 0; list < s.elements.size(); ++list) {
      if (!masks_.empty() && !listed(s.lists[list])) continue;
      j_.begin_list(s.lists[list]);
      for (const auto& item : s.items) {
        if (item.list != list || !wanted(item.name)) continue;
        j_.begin_object();
        element(s, item, {true, true, true});
      }
      for (const auto& d : s.scopes) {
        if (d.list != list || !wanted(d.name)) continue;
        j_.begin_object();
        scopes(d);
      }
      for (const auto& l : s.listeners) {
        if (s.lists[list] != kDynamicListeners || !wanted(l.name)) continue;
        j_.begin_object();
        listener(s, l);
      }
      j_.end_unless_empty();
    }
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
  const Delivery& delivery_;
  std::vector<SecretStore::Shown> secrets_;
  std::unique_ptr<re2::RE2> name_;
  std::string mask_text_;
  std::vector<std::string> masks_;
  std::vector<DumpSection> sections_;
  JsonWriter j_;
  bool begun_ = false;
};

}  // namespace

void add_config_dump(server::Server& server, const Bootstrap& bootstrap, const SecretStore& secrets, const Delivery& delivery) {
  auto bytes = std::make_shared<const std::string>(bootstrap.SerializeAsString());
  const std::string updated = time_text(server.started_at());
  server.admin().add({"/config_dump",
                      "dump current configs",
                      false,
                      [bytes, updated, &server, &secrets, &delivery](const AdminRequest& q, AdminResponse& r) {
                        Bootstrap b;
                        b.ParseFromString(*bytes);
                        Dump(std::move(b), updated, server, secrets, delivery).page(q, r);
                      },
                      {{"resource", "one list, such as static_clusters"},
                       {"mask", "fields to print, separated by commas"},
                       {"name_regex", "only resources whose whole name matches (RE2)"},
                       {"include_eds", "with the endpoints of all clusters"}}});
}

}  // namespace outrigger::xds
