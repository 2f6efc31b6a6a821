// /xds: what is asked of every control plane and file, what came and when, what was refused and why, and what the proxy
// waits for. Not one of Envoy's pages.
#include <algorithm>
#include "proxy/base/time_text.h"
#include "proxy/server/json.h"
#include "xds/admin/config_sections.h"
#include "xds/admin/pages.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

using server::AdminRequest;
using server::AdminResponse;
using server::JsonWriter;

namespace {

constexpr std::size_t kNamesShown = 100;

struct TypeRow {
  std::string type, asked, version, updated, refused, refusal;
  std::size_t watches = 0, waiting = 0;
};

struct SourceRow {
  std::string name, kind, state, failure, identifier;
  std::vector<TypeRow> types;
};

std::string asked_text(const Subscription& s) {
  if (!s.wants_something()) return "nothing";
  std::string out = s.wants_all() ? "all" : "";
  std::size_t shown = 0;
  for (const auto& [name, wish] : s.names()) {
    if (++shown > kNamesShown) return out + ", and " + std::to_string(s.names().size() - kNamesShown) + " more";
    (out += out.empty() ? "" : ", ") += name;
  }
  return out;
}

SourceRow row_of(const Client& c) {
  SourceRow row;
  row.name = c.settings().name;
  row.kind = std::string(c.settings().kind == Subscription::Kind::delta ? "delta" : "state of the world") +
             (c.settings().aggregated ? ", aggregated" : "");
  row.state = c.connected() ? "connected" : "not connected";
  row.failure = c.last_failure();
  row.identifier = c.identifier();
  c.each([&](const Client::TypeView& t) {
    row.types.push_back({std::string(message_name(t.subscription.type_url())), asked_text(t.subscription),
                         t.subscription.version(), when(t.updated), when(t.refused), t.refusal, t.watches, t.waiting});
  });
  return row;
}

SourceRow row_of(const FileWatch& f) {
  SourceRow row;
  row.name = f.path();
  row.kind = "file";
  row.state = f.failure().empty() ? "read" : "not taken";
  row.failure = f.failure();
  row.types.push_back(
      {"", "all", f.version(), when(f.updated()), when(f.failed()), f.failure(), 1, f.updated() == WallTime{} ? 1u : 0u});
  return row;
}

std::vector<SourceRow> rows_of(const Sources& sources) {
  std::vector<SourceRow> rows;
  sources.each([&](const Client& c) { rows.push_back(row_of(c)); });
  sources.each_file([&](const FileWatch& f) { rows.push_back(row_of(f)); });
  return rows;
}

/// In words, one thing each.
std::vector<std::string> waits_of(const Delivery& d) {
  std::vector<std::string> out;
  for (const auto& r : d.runtime())
    if (!r->settled()) out.push_back("the runtime layer '" + r->name() + "' has not come");
  d.clusters().each_warming([&](const std::string& name, const char* why) { out.push_back("cluster '" + name + "': " + why); });
  for (const auto& [name, k] : d.listeners().known()) {
    if (k.warming == nullptr) continue;
    for (const auto& use : k.warming->uses.routes)
      if (!use->arrived()) out.push_back("listener '" + name + "': its route configuration '" + use->name() + "' has not come");
    for (const auto& s : k.warming->secrets)
      if (!s->arrived()) out.push_back("listener '" + name + "': its secret '" + s->name() + "' has not come");
    for (const auto& f : k.warming->uses.filters)
      if (!f->settled())
        out.push_back("listener '" + name + "': the config of its filter '" + f->entry().name + "' has not come");
  }
  return out;
}

void write_json(const std::vector<SourceRow>& rows, const std::vector<std::string>& waits, JsonWriter& j) {
  j.begin_object();
  j.begin_list("sources");
  for (const auto& s : rows) {
    j.begin_object();
    j.text("name", s.name);
    j.text("kind", s.kind);
    j.text("state", s.state);
    if (!s.identifier.empty()) j.text("identifier", s.identifier);
    if (!s.failure.empty()) j.text("last_failure", s.failure);
    j.begin_list("types");
    for (const auto& t : s.types) {
      j.begin_object();
      if (!t.type.empty()) j.text("type", t.type);
      j.text("asked", t.asked);
      j.text("version", t.version);
      if (!t.updated.empty()) j.text("updated", t.updated);
      if (!t.refused.empty()) j.text("refused", t.refused);
      if (!t.refusal.empty()) j.text("refusal", t.refusal);
      j.number("watches", t.watches);
      j.number("waiting", t.waiting);
      j.end();
    }
    j.end();
    j.end();
  }
  j.end();
  j.begin_list("waiting_for");
  for (const auto& w : waits) j.text("", w);
  j.end();
  j.end();
}

std::string text_of(const std::vector<SourceRow>& rows, const std::vector<std::string>& waits) {
  std::string out;
  for (const auto& s : rows) {
    out += s.name + " (" + s.kind + "): " + s.state;
    if (!s.identifier.empty()) out += ", " + s.identifier;
    if (!s.failure.empty() && s.kind != "file") out += "; last failure: " + s.failure;
    out += "\n";
    for (const auto& t : s.types) {
      out += "  " + (t.type.empty() ? std::string() : t.type + ": ") + "asked for " + t.asked;
      out += t.updated.empty() ? "; nothing taken yet" : "; version '" + t.version + "' taken " + t.updated;
      if (t.waiting > 0) out += "; " + std::to_string(t.waiting) + " of " + std::to_string(t.watches) + " waiting";
      out += "\n";
      if (!t.refusal.empty()) out += "    refused " + t.refused + ": " + t.refusal + "\n";
    }
  }
  if (rows.empty()) out += "no control plane and no file is asked for anything\n";
  for (const auto& w : waits) out += "waiting for " + w + "\n";
  return out;
}

}  // namespace

void add_xds_page(server::Server& server, const Delivery& delivery) {
  server.admin().add({"/xds",
                      "what control planes and files are asked for, and what came of it",
                      false,
                      [&delivery](const AdminRequest& q, AdminResponse& r) {
                        const auto rows = rows_of(delivery.sources());
                        const auto waits = waits_of(delivery);
                        if (q.get("format") != "json") {
                          r.content_type = "text/plain; charset=UTF-8";
                          r.body = text_of(rows, waits);
                          return;
                        }
                        JsonWriter j;
                        write_json(rows, waits, j);
                        r.json(j.take());
                      },
                      {{"format", "json, or text"}}});
}

}  // namespace outrigger::xds
