#include "xds/compile/scoped_routes.h"

#include "xds/compile/convert.h"
#include "xds/compile/http.h"

namespace outrigger::xds {

using envoy::config::route::v3::ScopedRouteConfiguration;
using envoy::extensions::filters::network::http_connection_manager::v3::ScopedRoutes;

namespace {

constexpr int kFragmentsMost = 32;

void compile_key(const ScopedRoutes::ScopeKeyBuilder& p, const Path& at, Problems& problems, hcm::ScopeKeyBuilder& into) {
  if (p.fragments_size() > kFragmentsMost) problems.error(at / "fragments", "at most 32 are implemented");
  for (int i = 0; i < p.fragments_size(); ++i) {
    const auto& from = p.fragments(i).header_value_extractor();
    const Path fragment = at.at("fragments", i), here = fragment / "header_value_extractor";
    hcm::ScopeFragment f;
    f.header = lower(from.name());
    f.element_separator = from.element_separator();
    f.by_key = from.has_element();
    f.separator = from.element().separator();
    f.key = from.element().key();
    f.index = from.index();
    using E = ScopedRoutes::ScopeKeyBuilder::FragmentBuilder::HeaderValueExtractor;
    if (from.extract_type_case() == E::EXTRACT_TYPE_NOT_SET)
      problems.error(here, "HeaderValueExtractor extract_type not set.");
    else if (f.index > 0 && f.element_separator.empty())
      problems.error(here, "Index > 0 for empty string element separator.");
    else
      into.add(std::move(f));
  }
}

/// As Envoy: the routes of each are in it.
std::shared_ptr<const hcm::ScopeSource> compile_list(const ScopedRoutes& p, const Path& at, CompileContext& c) {
  auto table = std::make_shared<hcm::ScopeTable>();
  const auto& all = p.scoped_route_configurations_list();
  for (int i = 0; i < all.scoped_route_configurations_size(); ++i) {
    const auto& scope = all.scoped_route_configurations(i);
    const Path here = at.at("scoped_route_configurations", i);
    if (!scope.route_configuration_name().empty())
      c.problems.error(here / "route_configuration_name",
                       "Fetching routes via RDS (route_configuration_name) is not supported with inline scoped routes.");
    else if (!scope.has_route_configuration())
      c.problems.error(here, "You must specify a route_configuration with inline scoped routes.");
    else
      table->insert_or_assign(scope_key_of(scope), hcm::Scope{scope.name(), compile_scope_inside(scope, here, c)});
  }
  const auto source = std::make_shared<hcm::ScopeSource>(c.workers);
  for (unsigned w = 0; w < c.workers; ++w) source->set(w, table);
  return source;
}

}  // namespace

std::string scope_key_of(const ScopedRouteConfiguration& p) {
  std::vector<std::string> parts;
  for (const auto& f : p.key().fragments()) parts.push_back(f.string_key());
  return hcm::scope_key(parts);
}

std::shared_ptr<const hcm::RouteSource> compile_scope(const ScopedRouteConfiguration& p, const Path& at, CompileContext& c) {
  if (p.has_route_configuration() == !p.route_configuration_name().empty()) {
    c.problems.error(at, "a scope needs one of route_configuration_name and route_configuration");
    return nullptr;
  }
  return p.has_route_configuration() ? compile_scope_inside(p, at, c) : nullptr;
}

std::shared_ptr<const hcm::RouteSource> compile_scope_inside(const ScopedRouteConfiguration& p, const Path& at,
                                                             CompileContext& c) {
  if (p.route_configuration().has_vhds())
    c.problems.error(at / "route_configuration" / "vhds",
                     "only a route configuration that comes by rds can have virtual hosts of vhds");
  const auto routes = compile_dynamic_routes(p.route_configuration(), at / "route_configuration", c);
  const auto source = std::make_shared<hcm::RouteSource>(c.workers);
  for (unsigned w = 0; w < c.workers; ++w) source->set(w, routes);  // nobody has it yet
  return source;
}

void compile_scoped_routes(const ScopedRoutes& p, const std::string& stat_prefix, const Path& at, CompileContext& c,
                           hcm::Config& into) {
  compile_key(p.scope_key_builder(), at / "scope_key_builder", c.problems, into.scope_key);
  if (p.has_scoped_route_configurations_list()) {
    into.scopes = compile_list(p, at / "scoped_route_configurations_list", c);
    return;
  }
  const auto& from = p.scoped_rds();
  const Path here = at / "scoped_rds";
  if (!from.srds_resources_locator().empty())
    c.problems.error(here / "srds_resources_locator", "collections of xdstp: resources are not implemented");
  else if (!c.subscribe_scopes || !c.check_source)
    c.problems.error(here, "there is nothing here that scopes could come from");
  else if (c.check_source(from.scoped_rds_config_source(), here / "scoped_rds_config_source", c.problems) &&
           (!p.has_rds_config_source() || c.check_source(p.rds_config_source(), at / "rds_config_source", c.problems)))
    into.scopes = c.subscribe_scopes(p, stat_prefix);
}

}  // namespace outrigger::xds
