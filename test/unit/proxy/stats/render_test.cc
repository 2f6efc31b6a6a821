// The stats pages against what the real Envoy printed for the same values; recorded/record.py
// makes the recordings.
#include "proxy/stats/render.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "proxy/stats/histogram.h"

using namespace outrigger::stats;

namespace {

std::string recorded(const std::string& name) {
  const auto file = std::filesystem::path(__FILE__).parent_path() / "recorded" / name;
  std::ifstream in(file, std::ios::binary);
  INFO(file);
  REQUIRE(in);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

// The part of a JSON text between two marks; `from` moves behind it.
std::string between(const std::string& text, std::size_t& from, std::string_view begin, std::string_view end) {
  const auto b = text.find(begin, from);
  if (b == std::string::npos) {
    from = b;
    return {};
  }
  const auto e = text.find(end, b + begin.size());
  from = e;
  return text.substr(b + begin.size(), e - b - begin.size());
}

// Records the bins of one histogram: their lower bound falls into them.
void record_bins(Cells& cells, Histogram h, const std::string& bins) {
  for (std::size_t at = 0; at < bins.size();) {
    const std::string bound = between(bins, at, "\"lower_bound\":", ",");
    if (at == std::string::npos) return;
    const std::string count = between(bins, at, "\"count\":", "}");
    for (auto n = std::stoull(count); n > 0; --n) {
      cells.record(h, static_cast<std::uint64_t>(std::stod(bound)));
    }
  }
}

std::string unescape(const std::string& json) {
  std::string out;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] == '\\') ++i;
    out += json[i];
  }
  return out;
}

// What used-only pages show tells what was used.
void load(Registry& registry, const std::string& run) {
  const auto used = lines(recorded(run + ".usedonly"));
  const auto is_used = [&](const std::string& line) { return std::find(used.begin(), used.end(), line) != used.end(); };
  for (const std::string& line : lines(recorded(run + ".counters"))) {
    const auto colon = line.rfind(": ");
    const Counter c = registry.counter(line.substr(0, colon));
    if (is_used(line)) registry.main().add(c, std::stoull(line.substr(colon + 2)));
  }
  for (const std::string& line : lines(recorded(run + ".gauges"))) {
    const auto colon = line.rfind(": ");
    const Gauge g = registry.gauge(line.substr(0, colon));
    if (is_used(line)) registry.set(g, std::stoull(line.substr(colon + 2)));
  }
  // First what was there before the last interval, then the interval.
  const std::string totals = recorded(run + ".totals");
  const auto each = [&](auto&& f) {
    std::size_t at = 0;
    for (;;) {
      const std::string name = unescape(between(totals, at, "{\"name\":\"", "\",\""));
      if (at == std::string::npos) return;
      const std::string total = between(totals, at, "totals\":[", "]");
      const std::string interval = between(totals, at, "\"intervals\":[", "]");
      const bool percent = name.ends_with("_percent_used");
      f(registry.histogram(name, percent ? Unit::percent : Unit::milliseconds), total, interval);
    }
  };
  Registry work;
  Cells& cells = registry.main();
  each([&](Histogram h, const std::string& total, const std::string& interval) {
    // total - interval
    std::map<double, long> count;
    for (const auto& [bins, sign] : {std::pair(total, 1), std::pair(interval, -1)}) {
      for (std::size_t at = 0;;) {
        const std::string bound = between(bins, at, "\"lower_bound\":", ",");
        if (at == std::string::npos) break;
        count[std::stod(bound)] += sign * std::stol(between(bins, at, "\"count\":", "}"));
      }
    }
    for (const auto& [bound, n] : count) {
      for (long i = 0; i < n; ++i) cells.record(h, static_cast<std::uint64_t>(bound));
    }
  });
  registry.merge_histograms();
  each([&](Histogram h, const std::string&, const std::string& interval) { record_bins(cells, h, interval); });
  registry.merge_histograms();
}

StatsSettings settings_of(const std::string& run) {
  StatsSettings s;
  if (run == "plain") {
    s.buckets.push_back(
        {{NamePattern::Kind::suffix, "upstream_rq_body_size", nullptr, false}, {1, 5, 7.5, 100.5, 105, 255, 1000, 1e6}});
    return s;
  }
  std::string error;
  s.tags.add_regex("cluster_name", R"(^cluster\.((.+?(\..+?\.svc\.cluster\.local)?)\.))", error);
  s.tags.add_regex("response_code", R"((response_code=\.=(.+?);\.;)|_rq(_(\.d{3}))$)", error);
  s.tags.add_regex("tcp_prefix", R"(^tcp\.((.*?)\.)\w+?$)", error);
  s.tags.add_fixed("fixed.tag", "fi\"x");
  s.tags.add_regex("half", "_(cx)_", error);
  REQUIRE(error == "");
  return s;
}

struct PageCase {
  const char* name;
  std::string (*render)(const Registry&, const StatsSettings&, const Query&);
  Query query;
};

Query query(TypeChoice type, BucketMode buckets, bool used_only = false) {
  Query q;
  q.type = type;
  q.buckets = buckets;
  q.used_only = used_only;
  return q;
}

const std::vector<PageCase>& pages() {
  using enum TypeChoice;
  using enum BucketMode;
  static const std::vector<PageCase> all_pages{
      {"counters", render_text, query(counters, summary)},
      {"gauges", render_text, query(gauges, summary)},
      {"totals", render_json, query(histograms, detailed)},
      {"text", render_text, query(all, summary)},
      {"usedonly", render_text, query(all, summary, true)},
      {"json", render_json, query(all, summary)},
      {"cumulative", render_text, query(histograms, cumulative)},
      {"disjoint", render_text, query(histograms, disjoint)},
      {"detailed", render_text, query(histograms, detailed)},
      {"cumulative_json", render_json, query(histograms, cumulative)},
      {"disjoint_json", render_json, query(histograms, disjoint)},
      {"summary_json", render_json, query(histograms, summary)},
      {"prometheus", render_prometheus, query(all, cumulative)},
      {"prometheus_usedonly", render_prometheus, query(all, cumulative, true)},
      {"prometheus_summary", render_prometheus, query(all, summary)},
  };
  return all_pages;
}

// The stats of a page, sorted: Envoy orders those that differ in a tag's value only by its internal
// symbols, which come from the order in which names were first seen.
std::vector<std::string> pieces(const std::string& page) {
  std::vector<std::string> all(1);
  for (std::size_t i = 0; i < page.size(); ++i) {
    if (page.compare(i, 8, "{\"name\":") == 0) all.emplace_back();
    all.back() += page[i];
    if (page[i] == '\n') all.emplace_back();
  }
  for (auto& piece : all) {
    while (!piece.empty() && (piece.back() == ',' || piece.back() == ']' || piece.back() == '}' || piece.back() == '\n'))
      piece.pop_back();
  }
  std::sort(all.begin(), all.end());
  return all;
}

// The first difference: whole pages are too long to read.
void require_same(const std::string& ours, const std::string& theirs) {
  const auto a = pieces(ours), b = pieces(theirs);
  const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  const std::string left = x == a.end() ? "" : *x, right = y == b.end() ? "" : *y;
  CHECK(left == right);
}

}  // namespace

TEST_CASE("stats pages are Envoy's") {
  for (const std::string run : {"plain", "tags"}) {
    Registry registry;
    load(registry, run);
    const StatsSettings settings = settings_of(run);
    for (const PageCase& page : pages()) {
      if (!std::filesystem::exists(std::filesystem::path(__FILE__).parent_path() / "recorded" / (run + "." + page.name))) {
        continue;
      }
      INFO(run << " " << page.name);
      require_same(page.render(registry, settings, page.query), recorded(run + "." + page.name));
    }
  }
}
