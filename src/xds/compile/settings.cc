#include "xds/compile/settings.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <set>
#include "proxy/event/directory_watcher.h"
#include "xds/compile/matchers.h"
#include "xds/load/to_proto.h"

namespace outrigger::xds {

std::string number_text(double v) {
  char text[64];
  const auto end = std::floor(v) == v && std::fabs(v) < 9e15
                       ? std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(v)).ptr
                       : std::to_chars(text, text + sizeof text, v).ptr;
  return {text, end};
}

namespace {

/// {numerator, denominator}, of which either may be left out; none: it says something else.
std::optional<runtime::FractionalPercent> fraction_of(const google::protobuf::Struct& s) {
  runtime::FractionalPercent p;
  for (const auto& [name, v] : s.fields()) {
    if (name == "numerator" && v.has_number_value()) {
      p.numerator = static_cast<std::uint32_t>(std::clamp(v.number_value(), 0.0, double{UINT32_MAX}));
    } else if (name == "denominator" && v.has_string_value()) {
      const auto& d = v.string_value();
      if (d != "HUNDRED" && d != "TEN_THOUSAND" && d != "MILLION") return {};
      p.denominator = d == "MILLION"        ? runtime::Denominator::million
                      : d == "TEN_THOUSAND" ? runtime::Denominator::ten_thousand
                                            : runtime::Denominator::hundred;
    } else {
      return {};
    }
  }
  return p;
}

/// `text`: how it is printed, when not as it is. None: a kind that a value cannot have.
std::optional<runtime::Value> leaf(const google::protobuf::Value& v, std::string_view text = {}) {
  using V = google::protobuf::Value;
  switch (v.kind_case()) {
    case V::kNumberValue: return runtime::number_value(v.number_value(), text);
    case V::kBoolValue: return runtime::bool_value(v.bool_value(), text);
    case V::kStringValue: {
      auto o = runtime::text_value(v.string_value());
      if (!text.empty()) o.text = text;
      return o;
    }
    case V::kStructValue: {
      runtime::Value o;
      o.text = text.empty() ? v.struct_value().DebugString() : std::string(text);
      o.percent = fraction_of(v.struct_value());
      return o;
    }
    default: return {};
  }
}

/// A Struct flattened: {a: {b: 1}} is a.b = 1; {numerator, denominator} is one fractional value.
void flatten(const google::protobuf::Struct& s, const std::string& prefix, runtime::Layer& layer, const Path& at,
             Problems& problems) {
  for (const auto& [name, v] : s.fields()) {
    const std::string key = prefix.empty() ? name : prefix + "." + name;
    const auto& fields = v.struct_value().fields();
    const bool deeper = v.has_struct_value() && !fields.empty() && fields.count("numerator") + fields.count("denominator") == 0;
    if (deeper) {
      flatten(v.struct_value(), key, layer, at / name, problems);
    } else if (auto value = leaf(v)) {
      layer[key] = std::move(*value);
    } else {
      problems.error(at / name, std::string("Invalid runtime entry value for ") + key + ": " +
                                    (v.has_list_value() ? "a list" : "null") +
                                    ", expected a number, a string, true, false or a fraction");
    }
  }
}

/// What is watched is the folder that it is in.
void check_link(const std::string& link, const Path& at, Problems& problems) {
  const std::string parent = event::directory_of(link);
  if (parent.empty()) return problems.error(at, "invalid file path " + link);
  std::error_code ec;
  if (!std::filesystem::is_directory(parent, ec))
    problems.error(at, "unable to add filesystem watch for file " + link + ": there is no such folder");
}

}  // namespace

runtime::Layer compile_runtime_values(const google::protobuf::Struct& p, const Path& at, Problems& problems) {
  runtime::Layer layer;
  flatten(p, "", layer, at, problems);
  return layer;
}

CompiledRuntime compile_runtime(const envoy::config::bootstrap::v3::LayeredRuntime& p, const std::string& service_cluster,
                                const Path& at, Problems& problems) {
  CompiledRuntime o;
  std::set<std::string> names;
  for (int i = 0; i < p.layers_size(); ++i) {
    const auto& l = p.layers(i);
    if (!names.insert(l.name()).second) problems.error(at.at("layers", i), "Duplicate layer name: " + l.name());
    auto& [name, layer] = o.layers.emplace_back(l.name(), runtime::Layer{});
    if (l.has_static_layer()) flatten(l.static_layer(), "", layer, at.at("layers", i) / "static_layer", problems);
    if (l.has_disk_layer()) {
      const auto& disk = l.disk_layer();
      check_link(disk.symlink_root(), at.at("layers", i) / "disk_layer" / "symlink_root", problems);
      auto& d = o.disk_layers.emplace_back();
      d.index = o.layers.size() - 1;
      d.link = disk.symlink_root();
      d.directory = disk.symlink_root() + "/" + disk.subdirectory();
      if (disk.append_service_cluster()) d.directory += "/" + service_cluster;
    }
    if (!l.has_admin_layer()) continue;
    if (o.admin_layer)
      problems.error(at.at("layers", i), "Too many admin layers specified in LayeredRuntime, at most one may be specified");
    o.admin_layer = o.layers.size() - 1;
  }
  return o;
}

Result<runtime::Value> parse_runtime_value(const std::string& text) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return runtime::text_value(text);
  Node node;
  Problems problems;
  google::protobuf::Value value;
  const bool parsed = parse_yaml(text, "", node, problems);
  if (!parsed && text[0] != '{' && text[0] != '[') return runtime::text_value(text);  // such as a lone quote
  if (parsed) to_proto(node, value, {}, problems);
  if (!problems.ok()) return Error{Errc::invalid_config, problems.list().front().text};
  auto out = leaf(value, text);
  if (!out) return Error{Errc::invalid_config, "Invalid runtime entry value"};
  return std::move(*out);
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
    std::sort(bounds.begin(), bounds.end());  // given in any order, as Envoy takes them
    bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
    o.buckets.emplace_back(compile_name_pattern(h.match(), here / "match", problems), std::move(bounds));
  }
  return o;
}

}  // namespace outrigger::xds
