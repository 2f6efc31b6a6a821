// HTTP filters that write dynamic metadata: header_to_metadata, set_metadata.
#include <google/protobuf/struct.pb.h>
#include "envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata.pb.h"
#include "envoy/extensions/filters/http/set_metadata/v3/set_metadata.pb.h"
#include "filters/header_to_metadata.h"
#include "filters/set_metadata.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"
#include "xds/compile/matchers.h"
#include "xds/compile/metadata.h"

namespace outrigger::xds {

namespace header_v3 = envoy::extensions::filters::http::header_to_metadata::v3;
namespace set_v3 = envoy::extensions::filters::http::set_metadata::v3;
using HeaderConfig = filters::HeaderToMetadataConfig;

namespace {

bool parse_message(std::string_view bytes, MetadataValue& out) {
  google::protobuf::Value v;
  if (bytes.size() > INT32_MAX || !v.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
  out = compile_metadata_value(v);
  return true;
}

HeaderConfig::Value compile_value(const header_v3::Config::KeyValuePair& p, const Path& at, Problems& problems) {
  using Pair = header_v3::Config;
  HeaderConfig::Value o;
  o.name = p.metadata_namespace().empty() ? "envoy.filters.http.header_to_metadata" : p.metadata_namespace();
  o.key = p.key();
  o.text = p.value();
  o.type = static_cast<HeaderConfig::Value::Type>(p.type());
  o.base64 = p.encode() == Pair::BASE64;
  if (p.encode() != Pair::BASE64 && p.encode() != Pair::NONE)
    problems.error(at / "encode", "value must be one of the defined enum values");
  if (p.has_regex_value_rewrite())
    o.regex = compile_rewrite(p.regex_value_rewrite(), o.substitution, at / "regex_value_rewrite", problems);
  return o;
}

HeaderConfig::Rule compile_rule(const header_v3::Config::Rule& p, const Path& at, Problems& problems) {
  HeaderConfig::Rule o;
  o.cookie = p.header().empty();
  o.name = o.cookie ? p.cookie() : lower(p.header());
  if (!p.header().empty() && !p.cookie().empty())
    problems.error(at / "cookie", "Cannot specify both header and cookie in the same rule");
  if (o.name.empty()) problems.error(at, "One of Cookie or Header option needs to be specified");
  if (!p.has_on_header_present() && !p.has_on_header_missing())
    problems.error(at, "header to metadata filter: rule for " + std::string(o.cookie ? "cookie '" : "header '") + o.name +
                           "' has neither `on_header_present` nor `on_header_missing` set");
  if (!p.on_header_present().value().empty() && p.on_header_present().has_regex_value_rewrite())
    problems.error(at / "on_header_present", "Cannot specify both value and regex_value_rewrite");
  if (!p.cookie().empty() && p.remove()) problems.error(at / "remove", "Cannot specify remove for cookie");
  if (p.has_on_header_missing() && p.on_header_missing().value().empty())
    problems.error(at / "on_header_missing", "Cannot specify on_header_missing rule with an empty value");
  if (p.on_header_missing().has_regex_value_rewrite())
    problems.warn(at / "on_header_missing", "regex_value_rewrite has no effect: the value is taken as it is");
  if (p.has_on_header_present()) o.present = compile_value(p.on_header_present(), at / "on_header_present", problems);
  if (p.has_on_header_missing()) o.missing = compile_value(p.on_header_missing(), at / "on_header_missing", problems);
  if (p.remove()) {
    auto& step = o.removal.emplace_back();
    step.kind = route::HeaderMutationStep::remove;
    step.name = o.name;
  }
  return o;
}

std::shared_ptr<HeaderConfig> compile_headers(const header_v3::Config& p, const Path& at, Problems& problems,
                                              const CompileContext& c) {
  auto o = std::make_shared<HeaderConfig>();
  for (int i = 0; i < p.request_rules_size(); ++i)
    o->request.push_back(compile_rule(p.request_rules(i), at.at("request_rules", i), problems));
  for (int i = 0; i < p.response_rules_size(); ++i)
    o->response.push_back(compile_rule(p.response_rules(i), at.at("response_rules", i), problems));
  o->parse_message = &parse_message;
  if (!p.stat_prefix().empty())
    o->stats = stats::make_block<filters::HeaderToMetadataStat>(c.stats, "http_filter_name." + p.stat_prefix() + ".");
  return o;
}

FilterPtr make_headers(const header_v3::Config& p, const FilterPlace& f, CompileContext& c) {
  return std::make_shared<filters::HeaderToMetadataFactory>(compile_headers(p, f.config, c.problems, c));
}

OverridePtr headers_override(const header_v3::Config& p, const Path& at, Problems& problems, const CompileContext& c) {
  if (p.request_rules_size() + p.response_rules_size() == 0)
    problems.error(at, "header_to_metadata_filter: Per filter configs must at least specify either request or response rules");
  return compile_headers(p, at, problems, c);
}

std::shared_ptr<filters::SetMetadataConfig> compile_set(const set_v3::Config& p, const std::string& stat_prefix,
                                                        const CompileContext& c) {
  auto o = std::make_shared<filters::SetMetadataConfig>();
  if (p.has_value() && !p.metadata_namespace().empty())
    o->entries.push_back({p.metadata_namespace(), true, compile_metadata_value(p.value())});
  for (const auto& m : p.metadata())
    if (m.has_value()) o->entries.push_back({m.metadata_namespace(), m.allow_overwrite(), compile_metadata_value(m.value())});
  o->stats = stats::make_block<filters::SetMetadataStat>(c.stats, stat_prefix + "set_metadata.");
  return o;
}

FilterPtr make_set(const set_v3::Config& p, const FilterPlace& f, CompileContext& c) {
  return std::make_shared<filters::SetMetadataFactory>(compile_set(p, f.stat_prefix, c));
}

OverridePtr set_override(const set_v3::Config& p, const Path&, Problems&, const CompileContext& c) {
  return compile_set(p, "", c);
}

}  // namespace

void add_metadata_filters(FilterKinds& kinds) {
  kinds.add<make_headers, headers_override>();
  kinds.add<make_set, set_override>();
}

}  // namespace outrigger::xds
