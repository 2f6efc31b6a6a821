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

std::shared_ptr<hcm::FilterFactory> compile_late_config(const google::protobuf::Any& config, const LateFilter& f, const Path& at,
                                                        CompileContext& c) {
  if (const std::string why = check_late_type(config, f); !why.empty()) {
    c.problems.error(at, why);
    return nullptr;
  }
  HttpFilter entry;
  entry.set_name(f.name);
  *entry.mutable_typed_config() = config;
  const auto errors = c.problems.errors();
  auto made = compile_http_filter(entry, f.last, f.stat_prefix, at, c);
  return c.problems.errors() == errors ? std::const_pointer_cast<hcm::FilterFactory>(made) : nullptr;
}

std::shared_ptr<const hcm::FilterFactory> compile_late_filter(const HttpFilter& filter, bool last, const std::string& stat_prefix,
                                                              const Path& at, CompileContext& c) {
  const auto& p = filter.config_discovery();
  const Path here = at / "config_discovery";
  const auto errors = c.problems.errors();
  LateFilter f;
  f.name = filter.name();
  f.source = p.config_source();
  f.stat_prefix = stat_prefix;
  f.last = last;
  f.at_once = p.apply_default_config_without_warming();
  if (f.at_once && !p.has_default_config())
    c.problems.error(here / "apply_default_config_without_warming",
                     "Error: filter config " + f.name + " applied without warming but has no default config.");
  for (int i = 0; i < p.type_urls_size(); ++i) {
    f.types.emplace_back(message_name(p.type_urls(i)));
    if (!is_http_filter_config(f.types.back()))
      c.problems.error(here.at("type_urls", i), "Error: no factory found for a required type URL " + f.types.back() + ".");
  }
  if (p.has_default_config()) f.fallback = compile_late_config(p.default_config(), f, here / "default_config", c);
  if (!c.check_source || !c.subscribe_filter)
    c.problems.error(here, "there is nothing here that the config of a filter could come from");
  else
    c.check_source(p.config_source(), here / "config_source", c.problems);
  if (c.problems.errors() != errors) return nullptr;
  auto made = c.subscribe_filter(std::move(f));
  made->name = filter.name();
  made->disabled = filter.disabled();
  return made;
}

}  // namespace outrigger::xds
