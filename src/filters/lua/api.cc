#include "filters/lua/api.h"

#include "proxy/base/log.h"
#include "proxy/http/h1_parser.h"

namespace outrigger::filters::lua {

namespace {

template <logger::Level level>
int log(lua_State* L) {
  const auto text = text_at(L, 2);
  if (logger::enabled(logger::lua, level)) logger::write_parts({logger::lua, level, __FILE__, __LINE__}, "script log: ", text);
  return 0;
}

/// Of every type.
constexpr luaL_Reg kLogs[] = {{"logTrace", &log<logger::Level::trace>}, {"logDebug", &log<logger::Level::debug>},
                              {"logInfo", &log<logger::Level::info>},   {"logWarn", &log<logger::Level::warning>},
                              {"logErr", &log<logger::Level::error>},   {"logCritical", &log<logger::Level::critical>}};

void add_functions(lua_State* L, std::span<const luaL_Reg> all) {
  for (const auto& f : all) {
    lua_pushcfunction(L, f.func);
    lua_setfield(L, -2, f.name);
  }
}

}  // namespace

void register_type(lua_State* L, const char* type, std::span<const luaL_Reg> methods) {
  // The metatable is no object's "__index": scripts must not reach it, to set finalizers, which no limits hold for.
  luaL_newmetatable(L, type);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");  // for all scripts of a state, these stay what they are
  lua_newtable(L);
  add_functions(L, kLogs);
  for (const auto& f : methods) {
    lua_pushcfunction(L, f.func);
    lua_setfield(L, std::string_view(f.name).starts_with("__") ? -3 : -2, f.name);
  }
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void push_object(lua_State* L, const char* type, Which which, const void* of) {
  auto* o = static_cast<Object*>(lua_newuserdata(L, sizeof(Object)));
  *o = {Vm::of(L).scope(), which, of};
  luaL_getmetatable(L, type);
  lua_setmetatable(L, -2);
}

void push_handle(lua_State* L, std::uint64_t id) {
  push_object(L, kHandle);
  static_cast<Object*>(lua_touserdata(L, -1))->scope = id;
}

Object& object_at(lua_State* L, const char* type, int index) {
  auto& o = *static_cast<Object*>(luaL_checkudata(L, index, type));
  const auto& vm = Vm::of(L);
  const std::uint64_t now = vm.owner() == nullptr ? 0 : type == kHandle ? half_of(L).id : vm.scope();
  if (o.scope != now) luaL_error(L, "object used outside of proper scope");
  return o;
}

std::string_view header_name_at(lua_State* L, int index) {
  const auto text = text_at(L, index);
  auto& half = half_of(L);
  if (!http::is_token(text.starts_with(':') ? text.substr(1) : text)) luaL_error(L, "that is no name of a header");
  half.charge(L, text.size());
  return half.stream.arena().lower_copy(text);
}

std::string_view header_value_at(lua_State* L, int index) {
  const auto text = text_at(L, index);
  if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
    luaL_error(L, "the value of a header can't have a line's end or a zero");
  auto& half = half_of(L);
  half.charge(L, text.size());
  return text.empty() ? std::string_view("") : half.stream.arena().copy(text);
}

void read_headers(lua_State* L, int table, http::HeaderMap& into) {
  luaL_checkstack(L, 8, nullptr);
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "invalid key to 'next'");
    const auto name = header_name_at(L, lua_gettop(L) - 1);
    if (lua_istable(L, -1)) {
      const int list = lua_gettop(L);
      lua_pushnil(L);
      while (lua_next(L, list) != 0) {
        into.append(name, header_value_at(L, lua_gettop(L)));
        lua_pop(L, 1);
      }
    } else {
      into.append(name, header_value_at(L, lua_gettop(L)));
    }
    lua_pop(L, 1);
  }
}

}  // namespace outrigger::filters::lua
