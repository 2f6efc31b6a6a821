#include "xds/load/node.h"

namespace outrigger::xds {

void describe_node(envoy::config::core::v3::Node& node) {
  node.set_user_agent_name("envoy");
  auto& build = *node.mutable_user_agent_build_version();
  build.Clear();
  build.mutable_version()->set_major_number(1);
  build.mutable_version()->set_minor_number(40);
  auto& facts = *build.mutable_metadata()->mutable_fields();
  const std::pair<const char*, const char*> all[] = {{"build.type", "RELEASE"},
                                                     {"proxy", "outrigger"},
                                                     {"revision.sha", "none"},
                                                     {"revision.status", "Clean"},
                                                     {"ssl.version", "OpenSSL"}};
  for (const auto& [name, value] : all) facts[name].set_string_value(value);
  node.clear_extensions();
  const auto add = [&](const char* category, const char* name, std::string type) {
    auto& e = *node.add_extensions();
    e.set_name(name);
    e.set_category(category);
    if (!type.empty()) e.add_type_urls(std::move(type));
  };
#define X(category, name, type) add(category, name, type);
#include "xds/load/extensions.inc"
#undef X
}

}  // namespace outrigger::xds
