#include "xds/compile/route.h"

#include <re2/re2.h>
#include "proxy/event/give_way.h"
#include "proxy/stats/names.h"
#include "xds/compile/convert.h"
#include "xds/compile/format.h"
#include "xds/compile/matchers.h"
#include "xds/compile/metadata.h"
#include "xds/compile/rate_limits.h"
#include "xds/compile/route_policy.h"

namespace outrigger::xds {

namespace route_v3 = envoy::config::route::v3;

namespace {

/// Levels that have all four lists.
template <class P>
void compile_mutations(const P& p, Rare<route::HeadMutations>& o, const Path& at, Problems& problems) {
  route::HeadMutations m;
  compile_header_adds(p.request_headers_to_add(), at, "request_headers_to_add", problems, m.request);
  compile_header_removes(p.request_headers_to_remove(), at, "request_headers_to_remove", problems, m.request);
  compile_header_adds(p.response_headers_to_add(), at, "response_headers_to_add", problems, m.response);
  compile_header_removes(p.response_headers_to_remove(), at, "response_headers_to_remove", problems, m.response);
  if (!m.empty()) o.set(std::move(m));
}

route::Redirect compile_redirect(const route_v3::RedirectAction& p, const Path& at, Problems& problems) {
  route::Redirect o;
  constexpr std::uint16_t kCodes[] = {301, 302, 303, 307, 308};
  o.code = kCodes[p.response_code() >= 0 && p.response_code() < 5 ? p.response_code() : 0];
  o.https = p.https_redirect();
  o.scheme = p.scheme_redirect();
  o.host = p.host_redirect();
  o.port = p.port_redirect();
  o.strip_query = p.strip_query();
  using R = route_v3::RedirectAction;
  switch (p.path_rewrite_specifier_case()) {
    case R::kPathRedirect: o.path = p.path_redirect(), o.has_path = !o.path.empty(); break;
    case R::kPrefixRewrite: o.prefix = p.prefix_rewrite(), o.has_prefix = !o.prefix.empty(); break;
    case R::kRegexRewrite: o.regex = compile_rewrite(p.regex_rewrite(), o.substitution, at / "regex_rewrite", problems); break;
    case R::kPathRewrite: o.path_format = compile_value_format(p.path_rewrite(), at / "path_rewrite", problems); break;
    case R::PATH_REWRITE_SPECIFIER_NOT_SET: break;
  }
  return o;
}

class Compiler {
 public:
  Compiler(RouteCompileContext& c, route::RouteConfig& config, MirrorPolicies mirrors)
      : c_(c), config_(config), config_mirrors_(std::move(mirrors)) {}

  void vhost(const route_v3::VirtualHost& p, const Path& at) {
    auto v = std::make_shared<route::VirtualHost>();
    v->name = p.name();
    v->domains.assign(p.domains().begin(), p.domains().end());
    v->metadata = compile_metadata(p.metadata());
    v->require_tls = static_cast<route::VirtualHost::Tls>(p.require_tls());
    v->include_attempt_count = p.include_request_attempt_count();
    v->include_attempt_count_in_response = p.include_attempt_count_in_response();
    v->include_is_timeout_retry = p.include_is_timeout_retry_header();
    compile_mutations(p, v->mutations, at, c_.problems);
    v->overrides = compile_overrides(p.typed_per_filter_config(), at / "typed_per_filter_config", c_);
    if (p.has_retry_policy()) retry_ = compile_retry_policy(p.retry_policy(), at / "retry_policy", c_.problems);
    if (p.rate_limits_size() > 0) v->rate_limits.set(compile_rate_limits(p.rate_limits(), at, c_.problems));
    mirrors_ = compile_mirrors(p.request_mirror_policies(), at, c_);
    if (mirrors_ == nullptr) mirrors_ = config_mirrors_;
    body_bytes_max_ = compile_buffer_limit(p);
    const std::string prefix = "vhost." + stats::sanitize(p.name()) + ".";
    for (int i = 0; i < p.virtual_clusters_size(); ++i) {
      auto& vc = v->virtual_clusters.emplace_back();
      const Path here = at.at("virtual_clusters", i);
      vc.name = p.virtual_clusters(i).name();
      if (p.virtual_clusters(i).headers_size() == 0)
        c_.problems.error(here / "headers", "virtual clusters must define 'headers'");
      for (int k = 0; k < p.virtual_clusters(i).headers_size(); ++k)
        if (auto m = compile_header_matcher(p.virtual_clusters(i).headers(k), here.at("headers", k), c_.problems))
          vc.headers.push_back(std::move(*m));
      if (c_.stats != nullptr)
        vc.stats = stats::make_block<stats::RouteStat>(*c_.stats, prefix + "vcluster." + stats::sanitize(vc.name) + ".");
    }
    if (c_.stats != nullptr && p.virtual_clusters_size() > 0)
      v->other_stats = stats::make_block<stats::RouteStat>(*c_.stats, prefix + "vcluster.other.");
    v->routes.reserve(static_cast<std::size_t>(p.routes_size()));  // pointers to routes are kept
    for (int i = 0; i < p.routes_size(); ++i) route(p.routes(i), *v, p, at.at("routes", i), prefix);
    retry_ = nullptr;
    config_.vhosts.push_back(std::move(v));
  }

 private:
  void route(const route_v3::Route& p, route::VirtualHost& v, const route_v3::VirtualHost& vhost, const Path& at,
             const std::string& prefix) {
    auto& o = v.routes.emplace_back();
    o.name = p.name();
    o.metadata = compile_metadata(p.metadata());
    o.vhost = &v;
    compile_route_match(p.match(), o.match, at / "match", c_.problems);
    o.match.ignore_path_parameters = config_.ignore_path_parameters;
    switch (p.action_case()) {
      case route_v3::Route::kRoute:
        compile_route_action(p.route(), o, at / "route", c_);
        if (o.retry == nullptr) o.retry = retry_;
        if (o.mirrors == nullptr) o.mirrors = mirrors_;
        o.body_bytes_max = compile_buffer_limit(p);
        if (!o.body_bytes_max) o.body_bytes_max = body_bytes_max_;
        if (!p.route().has_hedge_policy()) o.hedge.on_per_try_timeout = vhost.hedge_policy().hedge_on_per_try_timeout();
        break;
      case route_v3::Route::kRedirect:
        o.kind = route::Route::redirect;
        o.redirect_to.set(compile_redirect(p.redirect(), at / "redirect", c_.problems));
        break;
      case route_v3::Route::kDirectResponse: direct(p.direct_response(), o, at / "direct_response"); break;
      case route_v3::Route::kNonForwardingAction: o.kind = route::Route::non_forwarding; break;
      case route_v3::Route::ACTION_NOT_SET: break;
    }
    compile_mutations(p, o.mutations, at, c_.problems);
    o.overrides = compile_overrides(p.typed_per_filter_config(), at / "typed_per_filter_config", c_);
    if (p.has_decorator()) {
      const auto& d = p.decorator();
      o.decorator.set({.operation = d.operation(), .propagate = !d.has_propagate() || d.propagate().value()});
    }
    o.stat_prefix = p.stat_prefix();
    if (!o.stat_prefix.empty() && c_.stats != nullptr) {
      o.route_stats = stats::make_block<stats::RouteStat>(*c_.stats, prefix + "route." + stats::sanitize(o.stat_prefix) + ".");
      o.has_route_stats = true;
    }
  }

  void direct(const route_v3::DirectResponseAction& p, route::Route& o, const Path& at) {
    o.kind = route::Route::direct_response;
    o.direct.set(compile_direct(p, at));
  }

  route::DirectResponse compile_direct(const route_v3::DirectResponseAction& p, const Path& at) {
    route::DirectResponse o;
    o.status = static_cast<std::uint16_t>(p.status());
    if (p.has_body_format()) {
      const auto f = compile_format(p.body_format(), at / "body_format", c_.problems);
      o.text_format = f.text;
      o.json_format = f.json;
      const bool own_type = f.json != nullptr || !p.body_format().content_type().empty();
      if (own_type) o.content_type = f.content_type;
    }
    if (!p.has_body()) return o;
    auto body = read_data_source(p.body(), config_.direct_response_body_bytes_max);
    if (body)
      o.body = std::move(*body);
    else
      c_.problems.error(at / "body", body.error().detail);
    return o;
  }

  RouteCompileContext& c_;
  route::RouteConfig& config_;
  MirrorPolicies config_mirrors_;
  // The virtual host's, for routes that have none of their own.
  std::shared_ptr<const route::RetryPolicy> retry_;
  MirrorPolicies mirrors_;
  std::optional<std::uint64_t> body_bytes_max_;
};

}  // namespace

route::FilterOverrides compile_overrides(const FilterConfigs& configs, const Path& at, RouteCompileContext& c) {
  route::FilterOverrides all;
  for (const auto& [name, any] : configs) {
    const Path here = at / name;
    route::FilterOverride o;
    o.filter = name;
    if (any.Is<route_v3::FilterConfig>()) {
      route_v3::FilterConfig f;
      any.UnpackTo(&f);
      o.disabled = f.disabled();
      if (o.disabled) {  // then its config is not read
        all.push_back(std::move(o));
        continue;
      }
      if (!f.has_config())
        c.problems.error(here, "Empty route/virtual host per filter configuration for " + name + " filter");
      Problems none;
      const bool unknown =
          f.has_config() && c.compile_filter_override && !c.compile_filter_override(name, f.config(), here, none);
      if (f.is_optional() && unknown) continue;  // as if it were not there
      if (f.has_config() && !f.config().type_url().empty() && c.compile_filter_override)
        o.config = c.compile_filter_override(name, f.config(), here / "config", c.problems);
    } else if (c.compile_filter_override) {
      o.config = c.compile_filter_override(name, any, here, c.problems);
    }
    all.push_back(std::move(o));
  }
  return all;
}

std::shared_ptr<route::RouteConfig> compile_route_config(const route_v3::RouteConfiguration& p, const Path& at,
                                                         RouteCompileContext& c) {
  auto o = std::make_shared<route::RouteConfig>();
  o->name = p.name();
  if (p.has_max_direct_response_body_size_bytes())
    o->direct_response_body_bytes_max = p.max_direct_response_body_size_bytes().value();
  o->ignore_port_in_host_matching = p.ignore_port_in_host_matching();
  for (const auto& h : p.internal_only_headers()) o->internal_only_headers.push_back(lower(h));
  auto level = std::make_shared<route::RouteLevel>();
  level->most_specific_header_mutations_wins = p.most_specific_header_mutations_wins();
  compile_mutations(p, level->mutations, at, c.problems);
  level->overrides = compile_overrides(p.typed_per_filter_config(), at / "typed_per_filter_config", c);
  o->level = std::move(level);
  o->ignore_path_parameters = p.ignore_path_parameters_in_path_matching();
  o->vhost_header = lower(p.vhost_header());
  Compiler compiler(c, *o, compile_mirrors(p.request_mirror_policies(), at, c));
  for (int i = 0; i < p.virtual_hosts_size(); ++i) {
    event::give_way();
    compiler.vhost(p.virtual_hosts(i), at.at("virtual_hosts", i));
  }
  const auto indexed = o->index();
  if (!indexed) c.problems.error(at / "virtual_hosts", indexed.error().detail);
  return o;
}

}  // namespace outrigger::xds
