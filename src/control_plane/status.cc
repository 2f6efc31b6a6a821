#include "control_plane/status.h"

#include "proxy/base/time_text.h"
#include "proxy/server/json.h"
#include "xds/load/bootstrap.h"

namespace outrigger::control_plane {

using server::JsonWriter;

namespace {

constexpr std::size_t kNamesShown = 100, kProblemsShown = 200;

/// What a proxy said, in one line.
std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}

std::string state_of(const Directory& d, const Readings& r) {
  if (r.last_was_good) return "served";
  return d.good() == nullptr ? "wrong, and nothing is served until it is right" : "wrong, and the last good state is served";
}

std::string asked_text(const Subscription& s) {
  std::string out = s.all() ? "all" : "";
  std::size_t shown = 0;
  for (const auto& name : s.names()) {
    if (++shown > kNamesShown) return out + ", and " + std::to_string(s.names().size() - kNamesShown) + " more";
    (out += out.empty() ? "" : ", ") += name;
  }
  return out.empty() ? "nothing" : one_line(std::move(out));
}

std::string kind_text(const Session& s) {
  return std::string(s.kind().delta ? "delta" : "state of the world") +
         (s.kind().type_url.empty() ? ", aggregated" : ", " + std::string(short_type(s.kind().type_url)));
}

/// What became of the last response.
std::string state_of(const Subscription& s) {
  if (s.responses() == 0) return "not answered yet";
  if (s.under_way()) return "sent";
  return s.last_was_refused() ? "refused" : "accepted";
}

void problem_json(const xds::Problem& p, JsonWriter& j) {
  j.begin_object();
  j.text("severity", p.severity == xds::Severity::error ? "error" : "warning");
  j.text("file", p.file);
  j.number("line", static_cast<std::uint64_t>(p.line));
  j.number("column", static_cast<std::uint64_t>(p.column));
  j.text("field", p.path);
  j.text("text", p.text);
  j.end();
}

void view_json(const std::string& name, const View& v, JsonWriter& j) {
  j.begin_object(name);
  for (const auto& [type_url, items] : v) {
    j.begin_object(short_type(type_url));
    j.number("count", items->items.size());
    j.text("version", items->version);
    j.end();
  }
  j.end();
}

void type_json(const Subscription& s, JsonWriter& j) {
  j.begin_object();
  j.text("type", short_type(s.type_url()));
  j.text("asked", asked_text(s));
  j.text("state", state_of(s));
  j.number("resources", s.told_count());
  j.number("responses", s.responses());
  j.number("stale_requests", s.stale());
  if (s.responses() > 0) j.text("sent", when(s.sent().at)), j.text("sent_version", s.sent().version);
  if (s.accepted().at != WallTime{}) {
    j.text("accepted", when(s.accepted().at));
    j.text("accepted_version", s.accepted().version);
  }
  if (s.refused().at != WallTime{}) {
    j.text("refused", when(s.refused().at));
    j.text("refused_version", s.refused().version);
    j.text("refusal", s.refusal());
  }
  j.end();
}

void session_json(std::uint64_t stream, const Session& s, JsonWriter& j) {
  j.begin_object();
  j.number("stream", stream);
  j.text("kind", kind_text(s));
  j.text("peer", s.peer());
  j.text("since", when(s.since()));
  j.text("id", s.node().id);
  j.text("cluster", s.node().cluster);
  j.text("agent", s.node().agent);
  j.begin_list("types");
  for (const auto& [type_url, t] : s.types()) type_json(t, j);
  j.end();
  j.begin_list("kept_clusters");
  for (const auto& name : s.kept()) j.text("", name);
  j.end();
  j.end();
}

std::string type_text(const Subscription& s) {
  std::string out = "    " + one_line(std::string(short_type(s.type_url()))) + ": " + state_of(s);
  if (s.responses() > 0)
    out += " " + s.sent().version + " (" + std::to_string(s.told_count()) + " resource(s)) of " + when(s.sent().at);
  out += "; asked for " + asked_text(s) + "\n";
  if (s.refused().at == WallTime{}) return out;
  return out + "      refused " + s.refused().version + " at " + when(s.refused().at) + ": " + one_line(s.refusal()) + "\n";
}

std::string view_text(const std::string& name, const View& v) {
  std::string out = "  " + name + ":";
  for (const auto& [type_url, items] : v)
    out += " " + std::string(short_type(type_url)) + " " + std::to_string(items->items.size()) + " (" + items->version + ")";
  return out + (v.empty() ? " nothing\n" : "\n");
}

}  // namespace

std::string status_text(const Directory& d, const Readings& r, const ControlPlane& p) {
  std::string out = "directory " + d.path() + ": " + state_of(d, r) + "\n";
  out += "  " + std::to_string(d.files()) + " file(s), read " + std::to_string(r.count) + " time(s), last " + when(r.last) +
         ", " + std::to_string(r.failures) + " time(s) wrong\n";
  if (!d.problems().list().empty()) out += xds::problems_text(d.problems());
  if (d.good() != nullptr) {
    out +=
        "version " + d.good()->version() + " since " + when(r.good_since) + "\n" + view_text("all proxies", d.good()->root);
    for (const auto& [name, v] : d.good()->clusters) out += view_text("clusters/" + name, v);
    for (const auto& [name, v] : d.good()->nodes) out += view_text("nodes/" + name, v);
  }
  out += std::to_string(p.streams()) + " stream(s)\n";
  p.each([&](std::uint64_t stream, const Session& s) {
    out += "  " + std::to_string(stream) + ": " +
           one_line("proxy '" + s.node().id + "' of cluster '" + s.node().cluster + "', " +
                    (s.node().agent.empty() ? std::string("unnamed") : s.node().agent) + ", at " + s.peer()) +
           " since " + when(s.since()) + ", " + kind_text(s) + "\n";
    for (const auto& [type_url, t] : s.types()) out += type_text(t);
    for (const auto& name : s.kept())
      out += "    cluster '" + name + "' is gone and kept until listeners and routes are accepted\n";
  });
  return out;
}

std::string status_json(const Directory& d, const Readings& r, const ControlPlane& p) {
  JsonWriter j;
  j.begin_object();
  j.begin_object("directory");
  j.text("path", d.path());
  j.text("state", state_of(d, r));
  j.boolean("good", r.last_was_good);
  j.number("files", d.files());
  j.number("readings", r.count);
  j.number("failures", r.failures);
  j.text("last_read", when(r.last));
  j.begin_list("problems");
  std::size_t shown = 0;
  for (const auto& problem : d.problems().list())
    if (shown++ < kProblemsShown) problem_json(problem, j);
  j.end();
  j.end();
  if (d.good() != nullptr) {
    j.begin_object("served");
    j.text("version", d.good()->version());
    j.text("since", when(r.good_since));
    view_json("all", d.good()->root, j);
    j.begin_object("clusters");
    for (const auto& [name, v] : d.good()->clusters) view_json(name, v, j);
    j.end();
    j.begin_object("nodes");
    for (const auto& [name, v] : d.good()->nodes) view_json(name, v, j);
    j.end();
    j.end();
  }
  j.number("streams_ever", p.streams_ever());
  j.begin_list("streams");
  p.each([&](std::uint64_t stream, const Session& s) { session_json(stream, s, j); });
  j.end();
  j.end();
  return j.take();
}

}  // namespace outrigger::control_plane
