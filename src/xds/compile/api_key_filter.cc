// The HTTP filter api_key_auth.
#include "envoy/extensions/filters/http/api_key_auth/v3/api_key_auth.pb.h"
#include "filters/api_key_auth.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"

namespace outrigger::xds {

namespace api_key_v3 = envoy::extensions::filters::http::api_key_auth::v3;

namespace {

/// What is no field of the head's cannot be taken out of it, nor put there.
std::string compile_name(const std::string& name, const Path& at, Problems& problems) {
  auto out = lower(name);
  if (out.starts_with(':') || out == "host") problems.error(at, "'" + name + "' is not implemented");
  return out;
}

filters::KeySource compile_source(const api_key_v3::KeySource& p, const Path& at, Problems& problems) {
  using Source = filters::KeySource;
  if (!p.header().empty()) return {Source::header, compile_name(p.header(), at / "header", problems)};
  if (!p.query().empty()) return {Source::query, p.query()};
  if (p.cookie().empty()) problems.error(at, "One of 'header'/'query'/'cookie' must be set.");
  return {Source::cookie, p.cookie()};
}

/// Of the filter or of a route.
std::shared_ptr<filters::ApiKeyConfig> compile_keys(const auto& p, const Path& at, Problems& problems) {
  auto o = std::make_shared<filters::ApiKeyConfig>();
  for (int i = 0; i < p.key_sources_size(); ++i)
    o->sources.push_back(compile_source(p.key_sources(i), at.at("key_sources", i), problems));
  for (int i = 0; i < p.credentials_size(); ++i)
    if (!o->clients.emplace(p.credentials(i).key(), p.credentials(i).client()).second)
      problems.error(at.at("credentials", i), "Duplicated credential key: '" + p.credentials(i).key() + "'");
  o->forwarding = {compile_name(p.forwarding().header(), at / "forwarding" / "header", problems),
                   p.forwarding().hide_credentials()};
  return o;
}

FilterPtr make_api_key(const api_key_v3::ApiKeyAuth& p, const FilterPlace& f, CompileContext& c) {
  return std::make_shared<filters::ApiKeyFactory>(
      compile_keys(p, f.config, c.problems), stats::make_block<filters::ApiKeyStat>(c.stats, f.stat_prefix + "api_key_auth."));
}

OverridePtr api_key_override(const api_key_v3::ApiKeyAuthPerRoute& p, const Path& at, Problems& problems, const CompileContext&) {
  auto o = compile_keys(p, at, problems);
  o->allowed_clients.insert(p.allowed_clients().begin(), p.allowed_clients().end());
  return o;
}

}  // namespace

void add_api_key_filters(FilterKinds& kinds) { kinds.add<make_api_key, api_key_override>(); }

}  // namespace outrigger::xds
