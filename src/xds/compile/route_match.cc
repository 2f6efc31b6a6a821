// RouteMatch: what a request must look like for a route.
#include <re2/re2.h>
#include "envoy/extensions/path/match/uri_template/v3/uri_template_match.pb.h"
#include "xds/compile/convert.h"
#include "xds/compile/matchers.h"
#include "xds/compile/metadata.h"
#include "xds/compile/route_policy.h"

namespace outrigger::xds {

namespace route_v3 = envoy::config::route::v3;

std::shared_ptr<const re2::RE2> compile_uri_template(const envoy::config::core::v3::TypedExtensionConfig& p, const Path& at,
                                                     Problems& problems) {
  envoy::extensions::path::match::uri_template::v3::UriTemplateMatchConfig config;
  if (!p.typed_config().UnpackTo(&config)) {
    problems.error(at, "path match policy of type '" + p.typed_config().type_url() + "' is not implemented");
    return nullptr;
  }
  auto regex = route::uri_template_regex(config.path_template());
  const Path here = at / "typed_config";
  if (regex) return compile_regex(*regex, here / "path_template", problems);
  problems.error(here / "path_template",
                 "path_match_policy.path_template " + config.path_template() + " is invalid: " + regex.error().detail);
  return nullptr;
}

namespace {

void compile_path(const route_v3::RouteMatch& p, route::RouteMatch& o, const Path& at, Problems& problems) {
  using M = route_v3::RouteMatch;
  switch (p.path_specifier_case()) {
    case M::kPrefix: o.kind = route::RouteMatch::prefix, o.path = p.prefix(); break;
    case M::kPath: o.kind = route::RouteMatch::exact, o.path = p.path(); break;
    case M::kSafeRegex:
      o.kind = route::RouteMatch::regex;
      o.re = compile_regex(p.safe_regex(), at / "safe_regex", problems);
      break;
    case M::kPathSeparatedPrefix: o.kind = route::RouteMatch::separated_prefix, o.path = p.path_separated_prefix(); break;
    case M::kConnectMatcher: o.kind = route::RouteMatch::connect; break;
    case M::kPathMatchPolicy:
      o.kind = route::RouteMatch::uri_template;
      o.re = compile_uri_template(p.path_match_policy(), at / "path_match_policy", problems);
      break;
    case M::PATH_SPECIFIER_NOT_SET: break;
  }
  o.case_sensitive = !p.has_case_sensitive() || p.case_sensitive().value();
  if (!o.case_sensitive) o.path = lower(o.path);
}

std::optional<bool> to_optional(bool set, bool value) { return set ? std::optional(value) : std::nullopt; }

}  // namespace

route::FilterStateMatcher compile_filter_state_matcher(const envoy::type::matcher::v3::FilterStateMatcher& p, const Path& at,
                                                       Problems& problems) {
  route::FilterStateMatcher o;
  o.key = p.key();
  if (p.has_string_match()) o.text = compile_string_matcher(p.string_match(), at / "string_match", problems);
  if (!p.has_address_match()) return o;
  const Path here = at / "address_match";
  o.is_address = true;
  o.invert = p.address_match().invert_match();
  for (int i = 0; i < p.address_match().ranges_size(); ++i)
    if (auto r = compile_cidr(p.address_match().ranges(i), here.at("ranges", i), problems)) o.ranges.push_back(*r);
  return o;
}

namespace {

/// What few ask.
route::MatchMore compile_more(const route_v3::RouteMatch& p, const Path& at, Problems& problems) {
  route::MatchMore o;
  if (p.has_runtime_fraction()) o.fraction = to_runtime_percent(p.runtime_fraction());
  for (int i = 0; i < p.cookies_size(); ++i) {
    const auto& c = p.cookies(i);
    const Path here = at.at("cookies", i);
    o.cookies.push_back({c.name(), compile_string_matcher(c.string_match(), here / "string_match", problems), c.invert_match()});
  }
  for (int i = 0; i < p.dynamic_metadata_size(); ++i)
    o.dynamic_metadata.push_back(compile_metadata_matcher(p.dynamic_metadata(i), at.at("dynamic_metadata", i), problems));
  for (int i = 0; i < p.filter_state_size(); ++i)
    o.filter_state.push_back(compile_filter_state_matcher(p.filter_state(i), at.at("filter_state", i), problems));
  o.tls_presented = to_optional(p.tls_context().has_presented(), p.tls_context().presented().value());
  o.tls_validated = to_optional(p.tls_context().has_validated(), p.tls_context().validated().value());
  return o;
}

}  // namespace

void compile_route_match(const route_v3::RouteMatch& p, route::RouteMatch& o, const Path& at, Problems& problems) {
  compile_path(p, o, at, problems);
  o.grpc = p.has_grpc();
  for (int i = 0; i < p.headers_size(); ++i)
    if (auto m = compile_header_matcher(p.headers(i), at.at("headers", i), problems)) o.headers.push_back(std::move(*m));
  for (int i = 0; i < p.query_parameters_size(); ++i)
    o.query.push_back(compile_query_matcher(p.query_parameters(i), at.at("query_parameters", i), problems));
  const bool more =
      p.has_runtime_fraction() || p.has_tls_context() || p.cookies_size() + p.dynamic_metadata_size() + p.filter_state_size() > 0;
  if (more) o.more.set(compile_more(p, at, problems));
}

}  // namespace outrigger::xds
