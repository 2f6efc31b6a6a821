// The HTTP filter lua.
#include "envoy/extensions/filters/http/lua/v3/lua.pb.h"
#include "filters/lua/filter.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"
#include "xds/compile/metadata.h"

namespace outrigger::xds {

namespace lua_v3 = envoy::extensions::filters::http::lua::v3;
using filters::lua::ScriptPtr;

namespace {

ScriptPtr compile_script(std::string code, const Path& at, Problems& problems, const CompileContext& c) {
  auto script = filters::lua::Script::compile(std::move(code), c.workers);
  if (script) return *script;
  problems.error(at, script.error().detail);
  return nullptr;
}

ScriptPtr compile_script(const envoy::config::core::v3::DataSource& source, const Path& at, Problems& problems,
                         const CompileContext& c) {
  auto code = read_data_source(source);
  if (code) return compile_script(std::move(*code), at, problems, c);
  problems.error(at, code.error().detail);
  return nullptr;
}

FilterPtr make_lua(const lua_v3::Lua& p, const FilterPlace& f, CompileContext& c) {
  filters::lua::LuaConfig o;
  if (p.has_default_source_code() && !p.inline_code().empty())
    c.problems.error(f.config, "Error: Only one of `inline_code` or `default_source_code` can be set for the Lua filter.");
  else if (p.has_default_source_code())
    o.script = compile_script(p.default_source_code(), f.config / "default_source_code", c.problems, c);
  else if (!p.inline_code().empty())
    o.script = compile_script(p.inline_code(), f.config / "inline_code", c.problems, c);
  for (const auto& [name, source] : p.source_codes())
    o.named.emplace(name, compile_script(source, f.config / "source_codes" / name, c.problems, c));
  o.context = compile_metadata_value(p.filter_context());
  o.clear_route_cache = !p.has_clear_route_cache() || p.clear_route_cache().value();
  const std::string own = p.stat_prefix().empty() || p.stat_prefix().ends_with('.') ? p.stat_prefix() : p.stat_prefix() + ".";
  o.stats = stats::make_block<filters::lua::LuaStat>(c.stats, f.stat_prefix + "lua." + own);
  return std::make_shared<filters::lua::LuaFactory>(std::move(o));
}

OverridePtr lua_override(const lua_v3::LuaPerRoute& p, const Path& at, Problems& problems, const CompileContext& c) {
  auto o = std::make_shared<filters::lua::LuaPerRoute>();
  o->disabled = p.disabled();
  o->name = p.name();
  if (p.has_source_code()) o->script = compile_script(p.source_code(), at / "source_code", problems, c);
  if (p.has_filter_context()) o->context = compile_metadata_value(p.filter_context());
  return o;
}

}  // namespace

void add_lua_filters(FilterKinds& kinds) { kinds.add<make_lua, lua_override>(); }

}  // namespace outrigger::xds
