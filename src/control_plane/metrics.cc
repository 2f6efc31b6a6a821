#include "control_plane/metrics.h"

#include <string_view>
#include "xds/problems.h"

namespace outrigger::control_plane {

namespace {

using OfType = Session::Counts::OfType;

class Writer {
 public:
  void family(std::string_view name, std::string_view kind, std::string_view help) {
    name_ = "outrigger_xds_" + std::string(name);
    out_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " " + std::string(kind) + "\n";
  }
  void value(std::uint64_t v, const std::string& labels = "") { out_ += name_ + labels + " " + std::to_string(v) + "\n"; }
  void one(std::string_view name, std::string_view kind, std::string_view help, std::uint64_t v) {
    family(name, kind, help);
    value(v);
  }
  void by_type(std::string_view name, std::string_view help, const Session::Counts& c, std::uint64_t OfType::*field) {
    family(name, "counter", help);
    for (const auto& [type_url, counts] : c.types) value(counts.*field, "{type=\"" + std::string(short_type(type_url)) + "\"}");
    value(c.other.*field, "{type=\"other\"}");
  }
  std::string take() { return std::move(out_); }

 private:
  std::string name_, out_;
};

std::uint64_t seconds(WallTime t) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(t.time_since_epoch()).count());
}

}  // namespace

std::string metrics_text(const Directory& d, const Readings& r, const ControlPlane& p) {
  Writer w;
  const auto problems = d.problems().list().size(), errors = d.problems().errors();
  w.one("directory_good", "gauge", "1 while the directory is served as it is, 0 while it is wrong", r.last_was_good);
  w.one("directory_files", "gauge", "files of the directory", d.files());
  w.one("directory_errors", "gauge", "errors in the directory", errors);
  w.one("directory_warnings", "gauge", "warnings about the directory", problems - errors);
  w.one("directory_reads_total", "counter", "how often the directory was read", r.count);
  w.one("directory_failures_total", "counter", "how often something was wrong with it", r.failures);
  w.one("version_timestamp_seconds", "gauge", "since when the present version is served", seconds(r.good_since));
  if (d.good() != nullptr) {
    w.family("resources", "gauge", "resources for all proxies");
    for (const auto& [type_url, items] : d.good()->root)
      w.value(items->items.size(), "{type=\"" + std::string(short_type(type_url)) + "\"}");
  }
  const auto& c = p.counts();
  w.one("streams", "gauge", "open streams", p.streams());
  w.one("streams_total", "counter", "streams that were opened", p.streams_ever());
  w.one("streams_ended_total", "counter", "streams that were ended for what the proxy said", c.ended);
  w.one("requests_total", "counter", "requests of proxies", c.requests);
  w.by_type("responses_total", "responses to proxies", c, &OfType::responses);
  w.by_type("accepted_total", "responses that a proxy accepted", c, &OfType::accepted);
  w.by_type("refused_total", "responses that a proxy refused", c, &OfType::refused);
  w.by_type("stale_total", "requests that answered to an older response than the last", c, &OfType::stale);
  return w.take();
}

}  // namespace outrigger::control_plane
