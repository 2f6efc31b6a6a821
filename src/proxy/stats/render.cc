#include "proxy/stats/render.h"

#include <cstdlib>
#include <functional>

#include "proxy/base/json_text.h"
#include "proxy/stats/histogram_view.h"
#include "proxy/stats/numbers.h"
#include "proxy/stats/walk.h"

namespace outrigger::stats {
namespace {

// The three lists of a page, each in the order of names.
class Page {
 public:
  Page(const Registry& registry, const StatsSettings& settings, const Query& query)
      : walk_(registry), settings_(settings), query_(query) {}

  using Readout = std::function<void(std::string_view name, std::string_view value)>;
  using Stat = std::function<void(std::string_view name, const StatView& stat)>;

  void readouts(const Readout& f) const {
    if (query_.type != TypeChoice::all && query_.type != TypeChoice::text_readouts) return;
    walk_.each_readout([&](std::string_view name, std::string_view value, bool used) {
      if (query_.shows(settings_, name, used)) f(name, value);
    });
  }
  void numbers(const Stat& f) const {
    unsigned select = 0;
    if (query_.type == TypeChoice::all || query_.type == TypeChoice::counters) {
      select |= Walk::counters;
    }
    if (query_.type == TypeChoice::all || query_.type == TypeChoice::gauges) {
      select |= Walk::gauges;
    }
    stats(select, f);
  }
  void histograms(const Stat& f) const {
    const bool all = query_.type == TypeChoice::all || query_.type == TypeChoice::histograms;
    stats(all ? Walk::histograms : 0u, f);
  }

 private:
  void stats(unsigned select, const Stat& f) const {
    if (select == 0) return;
    std::string name;
    walk_.each(select, [&](const StatView& stat) {
      name.assign(stat.prefix).append(stat.suffix);
      if (query_.shows(settings_, name, stat.used)) f(name, stat);
    });
  }

  Walk walk_;
  const StatsSettings& settings_;
  const Query& query_;
};

void append_quantiles_text(std::string& out, const HistogramView& view) {
  const auto quantiles = default_quantiles();
  const auto interval = view.quantiles(true), total = view.quantiles(false);
  for (std::size_t i = 0; i < quantiles.size(); ++i) {
    out += i == 0 ? "P" : " P";
    append_general(out, 100 * quantiles[i]);
    out += '(';
    append_double(out, interval[i]);
    out += ',';
    append_double(out, total[i]);
    out += ')';
  }
}

void append_buckets_text(std::string& out, const HistogramView& view, bool disjoint) {
  const auto interval = view.buckets(true, disjoint), total = view.buckets(false, disjoint);
  for (std::size_t i = 0; i < total.size(); ++i) {
    out += i == 0 ? "B" : " B";
    append_general(out, view.bounds()[i]);
    out += '(';
    append_number(out, interval[i]);
    out += ',';
    append_number(out, total[i]);
    out += ')';
  }
}

/// The noise of the last digits is shown in JSON only.
double rounded(double value) {
  std::string text;
  append_general(text, value, 15);
  return std::strtod(text.c_str(), nullptr);
}

void append_bins_text(std::string& out, const HistogramView& view, bool interval) {
  bool first = true;
  for (const auto& bin : view.bins(interval)) {
    if (!first) out += ", ";
    first = false;
    append_double(out, rounded(bin.left));
    out += ',';
    append_double(out, rounded(bin.width));
    out += ':';
    append_number(out, bin.count);
  }
}

void append_histogram_text(std::string& out, std::string_view name, const HistogramView& view, BucketMode mode) {
  out += name;
  if (!view.used()) {
    out += ": No recorded values\n";
    return;
  }
  switch (mode) {
    case BucketMode::summary:
      out += ": ";
      append_quantiles_text(out, view);
      break;
    case BucketMode::cumulative:
    case BucketMode::disjoint:
      out += ": ";
      append_buckets_text(out, view, mode == BucketMode::disjoint);
      break;
    case BucketMode::detailed:
      out += ":\n  totals=";
      append_bins_text(out, view, false);
      out += "\n  intervals=";
      append_bins_text(out, view, true);
      out += "\n  summary=";
      append_quantiles_text(out, view);
      break;
  }
  out += '\n';
}

void append_quantiles_json(std::string& out, const HistogramView& view) {
  const auto interval = view.quantiles(true), total = view.quantiles(false);
  for (std::size_t i = 0; i < total.size(); ++i) {
    out += i == 0 ? "[{\"cumulative\":" : ",{\"cumulative\":";
    append_json_double(out, total[i]);
    out += ",\"interval\":";
    append_json_double(out, interval[i]);
    out += '}';
  }
  out += ']';
}

void append_buckets_json(std::string& out, const HistogramView& view, bool disjoint) {
  const auto interval = view.buckets(true, disjoint), total = view.buckets(false, disjoint);
  out += '[';
  for (std::size_t i = 0; i < total.size(); ++i) {
    out += i == 0 ? "{\"upper_bound\":" : ",{\"upper_bound\":";
    append_json_double(out, view.bounds()[i]);
    out += ",\"interval\":";
    append_number(out, interval[i]);
    out += ",\"cumulative\":";
    append_number(out, total[i]);
    out += '}';
  }
  out += ']';
}

void append_bins_json(std::string& out, const HistogramView& view, bool interval) {
  out += '[';
  bool first = true;
  for (const auto& bin : view.bins(interval)) {
    out += first ? "{\"lower_bound\":" : ",{\"lower_bound\":";
    first = false;
    append_json_double(out, bin.left);
    out += ",\"width\":";
    append_json_double(out, bin.width);
    out += ",\"count\":";
    append_number(out, bin.count);
    out += '}';
  }
  out += ']';
}

void append_histogram_json(std::string& out, std::string_view name, const HistogramView& view, BucketMode mode) {
  out += "{\"name\":";
  append_json_string(name, out);
  switch (mode) {
    case BucketMode::summary:
      out += ",\"values\":";
      append_quantiles_json(out, view);
      break;
    case BucketMode::cumulative:
    case BucketMode::disjoint:
      out += ",\"buckets\":";
      append_buckets_json(out, view, mode == BucketMode::disjoint);
      break;
    case BucketMode::detailed:
      out += ",\"totals\":";
      append_bins_json(out, view, false);
      out += ",\"intervals\":";
      append_bins_json(out, view, true);
      out += ",\"percentiles\":";
      append_quantiles_json(out, view);
      break;
  }
  out += '}';
}

// What comes before the first histogram.
void append_histograms_head(std::string& out, BucketMode mode) {
  out += "{\"histograms\":";
  if (mode == BucketMode::cumulative || mode == BucketMode::disjoint) {
    out += '[';
    return;
  }
  const bool detailed = mode == BucketMode::detailed;
  out += detailed ? "{\"supported_percentiles\":[" : "{\"supported_quantiles\":[";
  bool first = true;
  for (const double q : default_quantiles()) {
    if (!first) out += ',';
    first = false;
    append_general(out, 100 * q);
  }
  out += detailed ? "],\"details\":[" : "],\"computed_quantiles\":[";
}

}  // namespace

bool Query::shows(const StatsSettings& settings, std::string_view name, bool used) const {
  if (used_only && !used) return false;
  if (filter != nullptr && re2::RE2::PartialMatch({name.data(), name.size()}, *filter) == invert_filter) {
    return false;
  }
  return settings.accepts(name);
}

std::string render_text(const Registry& registry, const StatsSettings& settings, const Query& q) {
  std::string out;
  const Page page(registry, settings, q);
  page.readouts(
      [&](std::string_view name, std::string_view value) { out.append(name).append(": \"").append(value).append("\"\n"); });
  page.numbers([&](std::string_view name, const StatView& stat) {
    out.append(name).append(": ");
    append_number(out, stat.value);
    out += '\n';
  });
  page.histograms([&](std::string_view name, const StatView& stat) {
    append_histogram_text(out, name, HistogramView(stat, name, settings), q.buckets);
  });
  return out;
}

std::string render_json(const Registry& registry, const StatsSettings& settings, const Query& q) {
  std::string out = "{\"stats\":[";
  bool first = true;
  const auto entry = [&](std::string_view name) {
    out += first ? "{\"name\":" : ",{\"name\":";
    first = false;
    append_json_string(name, out);
    out += ",\"value\":";
  };
  const Page page(registry, settings, q);
  page.readouts([&](std::string_view name, std::string_view value) {
    entry(name);
    append_json_string(value, out);
    out += '}';
  });
  page.numbers([&](std::string_view name, const StatView& stat) {
    entry(name);
    append_number(out, stat.value);
    out += '}';
  });
  bool any = false;
  page.histograms([&](std::string_view name, const StatView& stat) {
    if (any) {
      out += ',';
    } else {
      if (!first) out += ',';
      append_histograms_head(out, q.buckets);
      any = true;
    }
    append_histogram_json(out, name, HistogramView(stat, name, settings), q.buckets);
  });
  if (any) {
    out += q.buckets == BucketMode::summary || q.buckets == BucketMode::detailed ? "]}}" : "]}";
  }
  out += "]}";
  return out;
}

}  // namespace outrigger::stats
