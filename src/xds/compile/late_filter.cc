#include "xds/compile/late_filter.h"

#include <algorithm>
#include "xds/compile/filters.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

using envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter;

std::string check_late_type(const google::protobuf::Any& config, const LateFilter& f) {
  const std::string type(message_name(config.type_url()));
  if (std::find(f.types.begin(), f.types.end(), type) != f.types.end()) return {};
  std::string expected;
  for (const auto& t : f.types) expected += (expected.empty() ? "" : ", ") + t;
  return "Error: filter config has type URL " + type + " but expect " + expected + ".";
}

bool subscribe_late_filter(const envoy::config::core::v3::ExtensionConfigSource& p, const std::shared_ptr<LateFilter>& entry,
                           const LateRules& rules, const Path& at, CompileContext& c) {
  const auto errors = c.problems.errors();
  const std::string kind(rules.kind);
  entry->source = p.config_source();
  entry->at_once = p.apply_default_config_without_warming();
  if (rules.known != nullptr && entry->at_once && !p.has_default_config())
    c.problems.error(at / "apply_default_config_without_warming",
                     "Error: " + kind + "filter config " + entry->name + " applied without warming but has no default config.");
  for (int i = 0; i < p.type_urls_size(); ++i) {
    entry->types.emplace_back(message_name(p.type_urls(i)));
    if (rules.known != nullptr && !rules.known(entry->types.back()))
      c.problems.error(at.at("type_urls", i),
                       "Error: no " + kind + "factory found for a required type URL " + entry->types.back() + ".");
  }
  if (p.has_default_config()) entry->set_default(p.default_config(), at / "default_config", c);
  if (!c.check_source || !c.subscribe_filter)
    c.problems.error(at, "there is nothing here that the config of a filter could come from");
  else
    c.check_source(p.config_source(), at / "config_source", c.problems);
  if (c.problems.errors() != errors) return false;
  c.subscribe_filter(entry);
  return true;
}

std::shared_ptr<const hcm::FilterFactory> compile_late_filter(const HttpFilter& filter, bool last, const std::string& stat_prefix,
                                                              const Path& at, CompileContext& c) {
  using Late = LateFilterOf<hcm::FilterFactory>;
  const auto entry = std::make_shared<Late>(
      LateFilter::Kind::http, filter.name(), c,
      [name = filter.name(), last, stat_prefix](const google::protobuf::Any& config, const Path& here, CompileContext& context) {
        HttpFilter f;
        f.set_name(name);
        *f.mutable_typed_config() = config;
        return compile_http_filter(f, last, stat_prefix, here, context);
      });
  if (!subscribe_late_filter(filter.config_discovery(), entry, {is_http_filter_config, ""}, at / "config_discovery", c))
    return nullptr;
  auto made = std::make_shared<hcm::LateFilterFactory>(entry->filters());
  made->name = filter.name();
  made->disabled = filter.disabled();
  return made;
}

}  // namespace outrigger::xds
