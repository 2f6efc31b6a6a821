// The libraries as a script sees them. Left out is what blocks the worker (files, commands, loading of modules), what gets
// around the bounds of the state (ffi, jit, debug hooks, finalizers, byte code), and error handlers that run while an
// error is on its way, as no instructions are counted there.
#include <algorithm>

#include "filters/lua/vm.h"
#include "proxy/base/log.h"

namespace outrigger::filters::lua {

namespace {

void keep_only(lua_State* L, const char* library, std::initializer_list<std::string_view> names) {
  lua_getglobal(L, library);
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    lua_pop(L, 1);
    std::size_t size = 0;
    const char* key = lua_tolstring(L, -1, &size);
    if (std::find(names.begin(), names.end(), std::string_view(key, size)) != names.end()) continue;
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_settable(L, -4);
  }
  lua_pop(L, 1);
}

void remove(lua_State* L, const char* library, const char* name) {
  lua_getglobal(L, library);
  lua_pushnil(L);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/// print(...): to the log, as a pipe nobody reads would hold up the worker.
int print(lua_State* L) {
  const int n = lua_gettop(L);
  luaL_checkstack(L, 2 * n + 3, "too many arguments");
  lua_getglobal(L, "tostring");
  for (int i = 1; i <= n; ++i) {
    if (i > 1) lua_pushliteral(L, "\t");
    lua_pushvalue(L, n + 1);
    lua_pushvalue(L, i);
    lua_call(L, 1, 1);
    if (!lua_isstring(L, -1)) return luaL_error(L, "'tostring' must return a string to 'print'");
  }
  lua_concat(L, n == 0 ? 0 : 2 * n - 1);
  std::size_t size = 0;
  const char* line = lua_tolstring(L, -1, &size);
  LOG_INFO(logger::lua, "script print: ", std::string_view(line, size));
  return 0;
}

/// pairs() that asks __pairs, as in Lua 5.2 and in Envoy's build of LuaJIT.
int pairs(lua_State* L) {
  if (luaL_getmetafield(L, 1, "__pairs") != 0) {
    lua_pushvalue(L, 1);
    lua_call(L, 1, 3);
    return 3;
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

int collect(lua_State* L) {
  const std::string_view what = luaL_optstring(L, 1, "collect");
  lua_pushnumber(L, what == "count" ? static_cast<double>(Vm::of(L).bytes_used()) / 1024 : 0.0);
  return 1;
}

/// What is simpler to say in Lua.
constexpr char kPrelude[] = R"(
local load, pcall, select, rep = load, pcall, select, string.rep
function _G.load(text, name, _, ...) return load(text, name, "t", ...) end
function _G.loadstring(text, name) return load(text, name, "t") end
local function handled(handler, ok, ...)
  if ok then return true, ... end
  local _, said = pcall(handler, ...)
  return false, said
end
function _G.xpcall(f, handler, ...) return handled(handler, pcall(f, ...)) end
function string.rep(s, n, separator)
  if not separator or n < 2 then return rep(s, n) end
  return rep(s .. separator, n - 1) .. s
end
local insert, sort = table.insert, table.sort
-- The library's would move all from far below the table, or compare for ever, in one instruction that no limit sees.
function table.insert(t, ...)
  if select("#", ...) == 2 and (tonumber((...)) or 1) < 1 then error("position out of bounds", 2) end
  return insert(t, ...)
end
local function less(a, b) return a < b end
function table.sort(t, before) return sort(t, before or less) end
table.unpack = unpack
function table.pack(...) return {n = select("#", ...), ...} end
local size_of = function(x) return #x end
function _G.rawlen(x) return size_of(x) end
)";

void open(lua_State* L, lua_CFunction library, const char* name) {
  lua_pushcfunction(L, library);
  lua_pushstring(L, name);
  lua_call(L, 1, 0);
}

}  // namespace

void open_libraries(lua_State* L) {
  open(L, luaopen_base, "");
  open(L, luaopen_table, LUA_TABLIBNAME);
  open(L, luaopen_string, LUA_STRLIBNAME);
  open_patterns(L);
  open(L, luaopen_math, LUA_MATHLIBNAME);
  open(L, luaopen_os, LUA_OSLIBNAME);
  open(L, luaopen_debug, LUA_DBLIBNAME);
  open(L, luaopen_bit, LUA_BITLIBNAME);
  keep_only(L, LUA_OSLIBNAME, {"clock", "date", "difftime", "getenv", "time"});
  keep_only(L, LUA_DBLIBNAME, {"traceback"});
  remove(L, LUA_STRLIBNAME, "dump");
  for (const char* name : {"dofile", "loadfile", "newproxy", "gcinfo"}) remove(L, "_G", name);
  lua_getglobal(L, "next");
  lua_pushcclosure(L, &pairs, 1);
  lua_setglobal(L, "pairs");
  lua_pushcfunction(L, &print);
  lua_setglobal(L, "print");
  lua_pushcfunction(L, &collect);
  lua_setglobal(L, "collectgarbage");
  if (luaL_loadbuffer(L, kPrelude, sizeof kPrelude - 1, "=prelude") == 0) lua_pcall(L, 0, 0, 0);
  lua_settop(L, 0);
}

}  // namespace outrigger::filters::lua
