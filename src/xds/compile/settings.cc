#include "xds/compile/settings.h"

#include <charconv>
#include <cmath>
#include <set>
#include "xds/compile/matchers.h"

namespace outrigger::xds {

namespace {

std::string number_text(double v) {
  char text[64];
  const auto end = std::floor(v) == v && std::fabs(v) < 9e15
                       ? std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(v)).ptr
                       : std::to_chars(text, text + sizeof text, v).ptr;
  return {text, end};
}

/// A Struct flattened: {a: {b: 1}} is a.b = 1; {numerator, denominator} is one fractional value.
void flatten(const google::protobuf::Struct& s, const std::string& prefix, runtime::Layer& layer) {
  for (const auto& [name, v] : s.fields()) {
    const std::string key = prefix.empty() ? name : prefix + "." + name;
    using V = google::protobuf::Value;
    switch (v.kind_case()) {
      case V::kStructValue: {
        const auto& fields = v.struct_value().fields();
        const auto numerator = fields.find("numerator");
        if (numerator == fields.end()) {
          flatten(v.struct_value(), key, layer);
          break;
        }
        runtime::Value out = runtime::make_value("");
        runtime::FractionalPercent p{static_cast<std::uint32_t>(numerator->second.number_value()), runtime::Denominator::hundred};
        const auto d = fields.find("denominator");
        const std::string name_of = d == fields.end() ? "HUNDRED" : d->second.string_value();
        if (name_of == "TEN_THOUSAND") p.denominator = runtime::Denominator::ten_thousand;
        if (name_of == "MILLION") p.denominator = runtime::Denominator::million;
        out.percent = p;
        out.text = "{\"numerator\":" + std::to_string(p.numerator) + ",\"denominator\":\"" + name_of + "\"}";
        layer[key] = std::move(out);
        break;
      }
      case V::kNumberValue: layer[key] = runtime::make_value(number_text(v.number_value())); break;
      case V::kBoolValue: layer[key] = runtime::make_value(v.bool_value() ? "true" : "false"); break;
      case V::kStringValue: layer[key] = runtime::make_value(v.string_value()); break;
      default: break;
    }
  }
}

}  // namespace

CompiledRuntime compile_runtime(const envoy::config::bootstrap::v3::LayeredRuntime& p, const Path& at, Problems& problems) {
  CompiledRuntime o;
  std::set<std::string> names;
  for (int i = 0; i < p.layers_size(); ++i) {
    const auto& l = p.layers(i);
    if (!names.insert(l.name()).second) problems.error(at.at("layers", i), "Duplicate layer name: " + l.name());
    auto& [name, layer] = o.layers.emplace_back(l.name(), runtime::Layer{});
    if (l.has_static_layer()) flatten(l.static_layer(), "", layer);
    if (!l.has_admin_layer()) continue;
    if (o.admin_layer)
      problems.error(at.at("layers", i), "Too many admin layers specified in LayeredRuntime, at most one may be specified");
    o.admin_layer = o.layers.size() - 1;
  }
  return o;
}

namespace {

void compile_stats_matcher(const envoy::config::metrics::v3::StatsMatcher& p, stats::StatsSettings& o, const Path& at,
                           Problems& problems) {
  using M = envoy::config::metrics::v3::StatsMatcher;
  using Match = stats::StatsSettings::Match;
  const auto list = [&](const envoy::type::matcher::v3::ListStringMatcher& l, const Path& here) {
    for (int i = 0; i < l.patterns_size(); ++i)
      o.patterns.push_back(compile_name_pattern(l.patterns(i), here.at("patterns", i), problems));
  };
  switch (p.stats_matcher_case()) {
    case M::kRejectAll: o.match = p.reject_all() ? Match::reject_all : Match::accept_all; break;
    case M::kExclusionList: o.match = Match::exclusion, list(p.exclusion_list(), at / "exclusion_list"); break;
    case M::kInclusionList: o.match = Match::inclusion, list(p.inclusion_list(), at / "inclusion_list"); break;
    case M::STATS_MATCHER_NOT_SET: break;
  }
}

void compile_tag(const envoy::config::metrics::v3::TagSpecifier& t, stats::StatsSettings& o, const Path& at, Problems& problems) {
  using T = envoy::config::metrics::v3::TagSpecifier;
  std::string error;
  switch (t.tag_value_case()) {
    case T::kRegex:
      if (t.regex().empty()) {
        if (!o.tags.has_default(t.tag_name()))
          problems.error(at, "No regex specified for tag specifier and no default regex for name: '" + t.tag_name() + "'");
        else
          o.tags.add_default(t.tag_name());
      } else if (!o.tags.add_regex(t.tag_name(), t.regex(), error)) {
        problems.error(at / "regex", error);
      }
      break;
    case T::kFixedValue: o.tags.add_fixed(t.tag_name(), t.fixed_value()); break;
    case T::TAG_VALUE_NOT_SET:
      if (!o.tags.add_default(t.tag_name()))
        problems.error(at, "No regex specified for tag specifier and no default regex for name: '" + t.tag_name() + "'");
      break;
  }
}

}  // namespace

stats::StatsSettings compile_stats(const envoy::config::metrics::v3::StatsConfig& p, const std::vector<std::string>& tags,
                                   const Path& at, Problems& problems) {
  stats::StatsSettings o;
  if (p.has_use_all_default_tags() && !p.use_all_default_tags().value()) o.tags = stats::TagExtractor();
  for (int i = 0; i < p.stats_tags_size(); ++i) {
    const auto& t = p.stats_tags(i);
    const bool is_default =
        o.tags.has_default(t.tag_name()) && (!p.has_use_all_default_tags() || p.use_all_default_tags().value());
    if (is_default && p.allow_default_tag_overrides().value()) o.tags.remove(t.tag_name());
    compile_tag(t, o, at.at("stats_tags", i), problems);
  }
  for (const auto& t : tags) {
    const auto colon = t.find(':');
    o.tags.add_fixed(t.substr(0, colon), t.substr(colon + 1));
  }
  if (p.has_stats_matcher()) compile_stats_matcher(p.stats_matcher(), o, at / "stats_matcher", problems);
  for (int i = 0; i < p.histogram_bucket_settings_size(); ++i) {
    const auto& h = p.histogram_bucket_settings(i);
    const Path here = at.at("histogram_bucket_settings", i);
    std::vector<double> bounds(h.buckets().begin(), h.buckets().end());
    for (std::size_t k = 1; k < bounds.size(); ++k)
      if (bounds[k] <= bounds[k - 1]) problems.error(here / "buckets", "must be in order, without duplicates");
    o.buckets.emplace_back(compile_name_pattern(h.match(), here / "match", problems), std::move(bounds));
  }
  return o;
}

}  // namespace outrigger::xds
