// The stats pages of the admin interface: text, JSON and Prometheus's format, byte for byte as
// Envoy prints equal values. Main thread.
#pragma once
#include <re2/re2.h>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/stats/settings.h"
#include "proxy/stats/stats.h"

namespace outrigger::stats {

enum class BucketMode : unsigned char { summary, cumulative, disjoint, detailed };
enum class TypeChoice : unsigned char { all, counters, gauges, histograms, text_readouts };

/// Which stats to show, and how.
struct Query {
  bool used_only = false;
  std::shared_ptr<const re2::RE2> filter;  // found anywhere in the name
  bool invert_filter = false;
  TypeChoice type = TypeChoice::all;
  BucketMode buckets = BucketMode::summary;
  bool text_readouts = false;  // Prometheus: as gauges with the text as a label

  bool shows(const StatsSettings& settings, std::string_view name, bool used) const;
};

std::string render_text(const Registry& registry, const StatsSettings& settings, const Query& q);
std::string render_json(const Registry& registry, const StatsSettings& settings, const Query& q);
/// `q.buckets` is cumulative or summary.
std::string render_prometheus(const Registry& registry, const StatsSettings& settings, const Query& q);

}  // namespace outrigger::stats
