#include <algorithm>
#include <map>

#include "proxy/stats/histogram_view.h"
#include "proxy/stats/numbers.h"
#include "proxy/stats/render.h"
#include "proxy/stats/walk.h"

namespace outrigger::stats {
namespace {

// Names are ordered part by part, so that "a.b" comes before "a-b.c".
struct ByParts {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const noexcept {
    for (;;) {
      const auto da = a.find('.'), db = b.find('.');
      if (const int c = a.substr(0, da).compare(b.substr(0, db))) return c < 0;
      if (db == std::string_view::npos) return false;
      if (da == std::string_view::npos) return true;
      a.remove_prefix(da + 1);
      b.remove_prefix(db + 1);
    }
  }
};

void append_name(std::string& out, std::string_view name) {
  for (const char c : name) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    out += word ? c : '_';
  }
}

void append_label(std::string& out, std::string_view name, std::string_view value) {
  append_name(out, name);
  out += "=\"";
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  out += '"';
}

// One series, with what it takes to print it later. Tags are made again then: to keep them for
// half a million stats would cost more.
struct Series {
  std::string name;
  StatView stat;     // its prefix and suffix are not used
  std::string text;  // a text readout's value
};
using Groups = std::map<std::string, std::vector<Series>, ByParts>;

class Printer {
 public:
  Printer(std::string& out, const StatsSettings& settings, const Query& query) : out_(out), settings_(settings), query_(query) {}

  void add(std::string_view name, const StatView& stat, std::string_view text = {}) {
    tags_.clear();
    std::string group = settings_.tags.extract(name, tags_);
    groups_[std::move(group)].push_back({std::string(name), stat, std::string(text)});
  }

  void print(std::string_view type) {
    for (auto& [group, all] : groups_) {
      metric_ = "envoy_";
      append_name(metric_, group);
      out_.append("# TYPE ").append(metric_).append(" ").append(type).append("\n");
      std::sort(all.begin(), all.end(), [](const Series& a, const Series& b) { return ByParts{}(a.name, b.name); });
      for (const Series& s : all) print(s, type);
    }
    groups_.clear();
  }

 private:
  void print(const Series& s, std::string_view type) {
    tags_.clear();
    settings_.tags.extract(s.name, tags_);
    labels_.clear();
    for (const Tag& t : tags_) {
      if (!labels_.empty()) labels_ += ',';
      append_label(labels_, t.name, t.value);
    }
    if (type == "histogram" || type == "summary") {
      print_histogram(s);
    } else if (s.stat.kind == Kind::histogram) {  // a text readout
      if (!labels_.empty()) labels_ += ',';
      append_label(labels_, "text_value", s.text);
      line({}, labels_) += "0\n";
    } else {
      append_number(line({}, labels_), s.stat.value);
      out_ += '\n';
    }
  }

  void print_histogram(const Series& s) {
    const HistogramView view(s.stat, s.name, settings_);
    const std::string more = labels_.empty() ? std::string() : labels_ + ",";
    std::string value;
    const bool interval = query_.buckets == BucketMode::summary;
    if (interval) {
      const auto quantiles = view.quantiles(true);
      for (std::size_t i = 0; i < quantiles.size(); ++i) {
        value = more + "quantile=\"";
        append_general(value, default_quantiles()[i]);
        value += '"';
        append_general(line({}, value), quantiles[i], 32);
        out_ += '\n';
      }
    } else {
      const auto buckets = view.buckets(false, false);
      for (std::size_t i = 0; i < buckets.size(); ++i) {
        value = more + "le=\"";
        append_general(value, view.bounds()[i], 32);
        value += '"';
        append_number(line("_bucket", value), buckets[i]);
        out_ += '\n';
      }
      append_number(line("_bucket", more + "le=\"+Inf\""), view.count(false));
      out_ += '\n';
    }
    append_general(line("_sum", labels_), view.sum(interval), 32);
    out_ += '\n';
    append_number(line("_count", labels_), view.count(interval));
    out_ += '\n';
  }

  std::string& line(std::string_view suffix, std::string_view labels) {
    return out_.append(metric_).append(suffix).append("{").append(labels).append("} ");
  }

  std::string& out_;
  const StatsSettings& settings_;
  const Query& query_;
  Groups groups_;
  std::string metric_, labels_;
  std::vector<Tag> tags_;
};

}  // namespace

std::string render_prometheus(const Registry& registry, const StatsSettings& settings, const Query& q) {
  std::string out;
  Printer printer(out, settings, q);
  const Walk walk(registry);
  std::string name;
  const auto list = [&](unsigned select, std::string_view type) {
    walk.each(select, [&](const StatView& stat) {
      name.assign(stat.prefix).append(stat.suffix);
      if (q.shows(settings, name, stat.used)) printer.add(name, stat);
    });
    printer.print(type);
  };
  list(Walk::counters, "counter");
  list(Walk::gauges, "gauge");
  if (q.text_readouts) {
    walk.each_readout([&](std::string_view readout, std::string_view value, bool used) {
      StatView stat;
      stat.kind = Kind::histogram;
      if (q.shows(settings, readout, used)) printer.add(readout, stat, value);
    });
    printer.print("gauge");
  }
  list(Walk::histograms, q.buckets == BucketMode::summary ? "summary" : "histogram");
  return out;
}

}  // namespace outrigger::stats
