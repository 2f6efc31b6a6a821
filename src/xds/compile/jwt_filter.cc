// The HTTP filter jwt_authn.
#include <algorithm>
#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb.h"
#include "filters/jwt_authn.h"
#include "filters/jwt_stats.h"
#include "proxy/base/log.h"
#include "proxy/http/h1_parser.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"
#include "xds/compile/grpc_target.h"
#include "xds/compile/http_uri.h"
#include "xds/compile/matchers.h"
#include "xds/compile/route_policy.h"

namespace outrigger::xds {

namespace jwt_v3 = envoy::extensions::filters::http::jwt_authn::v3;

namespace {

std::vector<std::string> compile_claim(const jwt_v3::JwtClaimToHeader& p, const Path& at, Problems& problems) {
  std::vector<std::string> path;
  if (p.claim_name().empty() == p.claim_path().empty()) {
    problems.error(at, "exactly one of claim_name and claim_path must be set");
    return path;
  }
  for (const auto& segment : p.claim_path()) path.push_back(segment.key());
  const std::string& name = p.claim_name();
  for (std::size_t begin = 0; !name.empty() && begin <= name.size();) {
    const auto end = std::min(name.find('.', begin), name.size());
    path.push_back(name.substr(begin, end - begin));
    begin = end + 1;
  }
  return path;
}

void compile_locations(const jwt_v3::JwtProvider& p, filters::JwtProvider& o) {
  for (const auto& h : p.from_headers()) o.headers.push_back({lower(h.name()), h.value_prefix()});
  o.params.assign(p.from_params().begin(), p.from_params().end());
  o.cookies.assign(p.from_cookies().begin(), p.from_cookies().end());
}

void compile_cache(const jwt_v3::JwtCacheConfig& p, filters::JwtProvider& o, unsigned workers) {
  const std::size_t most = p.jwt_cache_size() == 0 ? 100 : p.jwt_cache_size();
  const std::size_t token_max = p.jwt_max_token_size() == 0 ? 4096 : p.jwt_max_token_size();
  for (unsigned i = 0; i < std::max(workers, 1U); ++i) o.caches.push_back(std::make_unique<filters::JwtCache>(most, token_max));
}

void compile_keys(const envoy::config::core::v3::DataSource& p, const std::string& name, filters::JwtProvider& o, const Path& at,
                  Problems& problems) {
  const auto text = read_data_source(p);
  if (!text) return problems.error(at, text.error().detail);
  if (text->empty()) return problems.warn(at, "no token is accepted, for want of keys");
  auto keys = filters::Jwks::parse(*text);
  if (!keys)
    return problems.error(at, "Provider '" + name + "' in jwt_authn config has invalid local jwks: " + keys.error().detail);
  o.keys = std::make_shared<const filters::Jwks>(std::move(*keys));
}

void compile_remote_keys(const jwt_v3::RemoteJwks& p, const std::string& name, filters::JwtProvider& o, const Path& at,
                         Problems& problems, const CompileContext& c) {
  auto r = std::make_unique<filters::RemoteJwks>();
  const auto& uri = p.http_uri();
  const auto scheme = uri.uri().find("://");
  if (scheme == std::string::npos || scheme == 0)
    return problems.error(at / "http_uri" / "uri", "Provider '" + name + "' has an invalid URI: '" + uri.uri() + "'");
  auto parts = split_uri(uri.uri(), scheme + 3);
  r->authority = std::move(parts.authority);
  r->path = std::move(parts.path);
  if (!http::can_be_value(r->authority) || !http::can_be_value(r->path) || r->path.find(' ') != std::string::npos)
    problems.error(at / "http_uri" / "uri", "has characters that no request may have");
  r->cluster = uri.cluster();
  r->timeout = to_duration(uri.timeout());
  if (c.cluster_known && !c.cluster_known(r->cluster))
    problems.warn(at / "http_uri" / "cluster", "unknown cluster '" + r->cluster + "': its tokens are refused until it is there");
  if (p.has_cache_duration()) r->keep = to_duration(p.cache_duration());
  if (p.has_async_fetch())
    problems.warn(at / "async_fetch",
                  "has no effect: keys are asked for when a request needs them, and the listener does not wait");
  if (p.has_retry_policy())
    r->retries = compile_side_retries(p.retry_policy(), "5xx,gateway-error,connect-failure,reset", at / "retry_policy", problems);
  r->kept.resize(std::max(c.workers, 1U));
  o.remote = std::move(r);
}

void compile_provider(const jwt_v3::JwtProvider& p, const std::string& name, filters::JwtProvider& o, const Path& at,
                      Problems& problems, const CompileContext& c) {
  o.issuer = p.issuer();
  for (const auto& a : p.audiences()) o.audiences.add(a);
  if (p.has_subjects()) o.subjects = compile_string_matcher(p.subjects(), at / "subjects", problems);
  o.needs_expiration = p.require_expiration();
  if (p.has_max_lifetime()) o.lifetime_max = to_duration(p.max_lifetime());
  if (p.has_remote_jwks())
    compile_remote_keys(p.remote_jwks(), name, o, at / "remote_jwks", problems, c);
  else
    compile_keys(p.local_jwks(), name, o, at / "local_jwks", problems);
  o.forward = p.forward();
  compile_locations(p, o);
  o.payload_header = lower(p.forward_payload_header());
  o.pad_payload = p.pad_forward_payload_header();
  o.payload_metadata = p.payload_in_metadata();
  o.header_metadata = p.header_in_metadata();
  o.failure_metadata = p.failed_status_in_metadata();
  const auto& lists = p.normalize_payload_in_metadata().space_delimited_claims();
  o.lists.assign(lists.begin(), lists.end());
  if (p.clock_skew_seconds() > 0) o.clock_skew = p.clock_skew_seconds();
  if (p.has_jwt_cache_config()) compile_cache(p.jwt_cache_config(), o, c.workers);
  for (int i = 0; i < p.claim_to_headers_size(); ++i) {
    const auto& claim = p.claim_to_headers(i);
    o.claim_headers.push_back({lower(claim.header_name()), compile_claim(claim, at.at("claim_to_headers", i), problems)});
  }
  o.clear_route_cache = p.clear_route_cache();
}

class RequirementCompiler {
 public:
  RequirementCompiler(filters::JwtAuthnConfig& config, Problems& problems) : config_(config), problems_(problems) {}

  const filters::JwtRequirement* compile(const jwt_v3::JwtRequirement& p, const Path& at) {
    return &config_.requirements.emplace_back(one(p, at));
  }

 private:
  using P = jwt_v3::JwtRequirement;
  using Out = filters::JwtRequirement;

  Out one(const P& p, const Path& at) {
    switch (p.requires_type_case()) {
      case P::kProviderName: return provider(p.provider_name(), {}, at / "provider_name");
      case P::kProviderAndAudiences: {
        const Path here = at / "provider_and_audiences";
        return provider(p.provider_and_audiences().provider_name(), p.provider_and_audiences().audiences(),
                        here / "provider_name");
      }
      case P::kRequiresAny: return any(p.requires_any().requirements(), at / "requires_any");
      case P::kRequiresAll: {
        Out o;
        o.kind = Out::all;
        const auto& list = p.requires_all().requirements();
        const Path here = at / "requires_all";
        for (int i = 0; i < list.size(); ++i) o.inner.push_back(one(list.Get(i), here.at("requirements", i)));
        return o;
      }
      case P::kAllowMissing: return of_all_providers(Out::allow_missing);
      case P::kAllowMissingOrFailed: return of_all_providers(Out::allow_missing_or_failed);
      case P::REQUIRES_TYPE_NOT_SET: break;
    }
    return {};
  }

  Out provider(const std::string& name, const google::protobuf::RepeatedPtrField<std::string>& audiences, const Path& at) {
    Out o;
    o.kind = Out::provider;
    const auto found = config_.providers.find(name);
    if (found == config_.providers.end()) {
      problems_.error(at, "Required provider ['" + name + "'] is not configured.");
      return o;
    }
    o.of = &found->second;
    o.locations.add(found->second);
    for (const auto& a : audiences) {
      if (!o.audiences) o.audiences.emplace();
      o.audiences->add(a);
    }
    return o;
  }

  Out of_all_providers(Out::Kind kind) {
    Out o;
    o.kind = kind;
    for (const auto& [name, p] : config_.providers) o.locations.add(p);
    return o;
  }

  Out any(const google::protobuf::RepeatedPtrField<P>& list, const Path& at) {
    Out o;
    o.kind = Out::any;
    for (int i = 0; i < list.size(); ++i) {
      const auto kind = list.Get(i).requires_type_case();
      if (kind == P::kAllowMissing)
        o.missing_is_fine = true;
      else if (kind == P::kAllowMissingOrFailed)
        o.failed_is_fine = true;
      else
        o.inner.push_back(one(list.Get(i), at.at("requirements", i)));
    }
    if (o.inner.empty() && (o.missing_is_fine || o.failed_is_fine))
      o.inner.push_back(of_all_providers(o.failed_is_fine ? Out::allow_missing_or_failed : Out::allow_missing));
    return o;
  }

  filters::JwtAuthnConfig& config_;
  Problems& problems_;
};

/// Only the path, headers and query are looked at, as in Envoy.
route::RouteMatch compile_match(const envoy::config::route::v3::RouteMatch& p, const Path& at, Problems& problems) {
  const auto unused = [&](bool set, std::string_view field) {
    if (set) problems.warn(at / field, "has no effect in a rule of jwt_authn, as in Envoy");
  };
  unused(p.has_runtime_fraction(), "runtime_fraction");
  unused(p.has_grpc(), "grpc");
  unused(p.has_tls_context(), "tls_context");
  unused(p.dynamic_metadata_size() > 0, "dynamic_metadata");
  unused(p.filter_state_size() > 0, "filter_state");
  unused(p.cookies_size() > 0, "cookies");
  auto used = p;
  used.clear_runtime_fraction();
  used.clear_grpc();
  used.clear_tls_context();
  used.clear_dynamic_metadata();
  used.clear_filter_state();
  used.clear_cookies();
  route::RouteMatch o;
  compile_route_match(used, o, at, problems);
  return o;
}

void compile_rules(const jwt_v3::JwtAuthentication& p, filters::JwtAuthnConfig& o, RequirementCompiler& requirements,
                   const Path& at, Problems& problems) {
  for (int i = 0; i < p.rules_size(); ++i) {
    const auto& rule = p.rules(i);
    const Path here = at.at("rules", i);
    auto& out = o.rules.emplace_back();
    out.match = compile_match(rule.match(), here / "match", problems);
    switch (rule.requirement_type_case()) {
      case jwt_v3::RequirementRule::kRequires: out.requires_it = requirements.compile(rule.requires_(), here / "requires"); break;
      case jwt_v3::RequirementRule::kRequirementName: {
        const auto named = o.by_name.find(rule.requirement_name());
        if (named == o.by_name.end())
          problems.error(here / "requirement_name", "Wrong requirement_name: " + rule.requirement_name());
        else
          out.requires_it = named->second;
        break;
      }
      case jwt_v3::RequirementRule::REQUIREMENT_TYPE_NOT_SET: break;
    }
  }
}

FilterPtr make_jwt(const jwt_v3::JwtAuthentication& p, const FilterPlace& f, CompileContext& c) {
  auto o = std::make_shared<filters::JwtAuthnConfig>();
  const Path providers = f.config / "providers", named = f.config / "requirement_map";
  for (const auto& [name, provider] : p.providers()) {
    auto& out = o->providers[name];
    compile_provider(provider, name, out, providers / name, c.problems, c);
    if (out.remote != nullptr) o->has_remote = true;
    if (!out.payload_header.empty()) o->own_headers.push_back(out.payload_header);
    for (const auto& claim : out.claim_headers) o->own_headers.push_back(claim.header);
  }
  RequirementCompiler requirements(*o, c.problems);
  for (const auto& [name, r] : p.requirement_map()) o->by_name[name] = requirements.compile(r, named / name);
  compile_rules(p, *o, requirements, f.config, c.problems);
  if (p.has_filter_state_rules()) {
    const Path state = f.config / "filter_state_rules";
    const Path list = state / "requires";
    o->state_key = p.filter_state_rules().name();
    for (const auto& [value, r] : p.filter_state_rules().requires_()) o->by_state[value] = requirements.compile(r, list / value);
  }
  o->bypass_cors_preflight = p.bypass_cors_preflight();
  o->strip_failure = p.strip_failure_response();
  const std::string prefix = p.stat_prefix().empty() ? "" : stats::sanitize(p.stat_prefix()) + ".";
  o->stats = stats::make_block<filters::JwtAuthnStat>(c.stats, f.stat_prefix + "jwt_authn." + prefix);
  return std::make_shared<filters::JwtAuthnFactory>(std::move(o));
}

OverridePtr jwt_override(const jwt_v3::PerRouteConfig& p, const Path&, Problems&, const CompileContext&) {
  auto o = std::make_shared<filters::JwtAuthnPerRoute>();
  o->disabled = p.disabled();
  o->requirement = p.requirement_name();
  return o;
}

}  // namespace

void add_jwt_filters(FilterKinds& kinds) { kinds.add<make_jwt, jwt_override>(); }

}  // namespace outrigger::xds
