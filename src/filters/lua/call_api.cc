// handle:httpCall().
#include <algorithm>

#include "filters/lua/api.h"
#include "proxy/base/numbers.h"

namespace outrigger::filters::lua {

namespace {

constexpr int kTimeout = 5, kOptions = 5, kAsynchronous = 6;

Duration timeout_at(lua_State* L, int index) {
  const auto ms = luaL_checkinteger(L, index);
  if (ms < 0) luaL_error(L, "http call timeout must be >= 0");
  return std::chrono::milliseconds(std::min<lua_Integer>(ms, INT32_MAX));
}

void read_option(lua_State* L, std::string_view key, CallOptions& o) {
  if (key == "asynchronous")
    o.asynchronous = lua_toboolean(L, -1) != 0;
  else if (key == "timeout_ms")
    o.timeout = timeout_at(L, -1);
  else if (key == "return_duplicate_headers")
    o.keeps_duplicates = lua_toboolean(L, -1) != 0;
  else if (key == "send_xff")
    o.sends_xff = lua_toboolean(L, -1) != 0;
  else if (key != "trace_sampled")  // spans are not made
    luaL_error(L, "\"%s\" is not valid key for httpCall() options", lua_tostring(L, -2));
}

void read_options(lua_State* L, CallOptions& o) {
  if (!lua_istable(L, kOptions)) {
    if (!lua_isnone(L, kAsynchronous) && !lua_isboolean(L, kAsynchronous))
      luaL_error(L, "http call asynchronous flag must be 'true', 'false', or empty");
    o.timeout = timeout_at(L, kTimeout);
    o.asynchronous = lua_toboolean(L, kAsynchronous) != 0;
    return;
  }
  lua_pushnil(L);
  while (lua_next(L, kOptions) != 0) {
    if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "the keys of httpCall() options are strings");
    read_option(L, text_at(L, -2), o);
    lua_pop(L, 1);
  }
}

std::string_view take(http::HeaderMap& map, std::string_view name) {
  const auto* e = map.find(name);
  const auto value = e == nullptr ? std::string_view{} : e->value;
  map.remove(name);
  return value;
}

}  // namespace

int http_call(lua_State* L, Half& half) {
  CallOptions options;
  read_options(L, options);
  const auto cluster = text_at(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  std::size_t size = 0;
  const char* body = luaL_optlstring(L, 4, nullptr, &size);
  options.cluster = half.stream.worker().clusters.find(cluster);
  if (options.cluster == nullptr) return luaL_error(L, "http call cluster invalid. Must be configured");
  auto& arena = half.stream.arena();
  auto& map = *arena.make<http::HeaderMap>(arena, http::MapOf::request);
  read_headers(L, 3, map);
  const auto path = take(map, ":path"), method = take(map, ":method"), scheme = take(map, ":scheme");
  auto host = take(map, ":authority");
  if (const auto h = take(map, "host"); host.data() == nullptr) host = h;
  if (path.data() == nullptr || method.data() == nullptr || host.data() == nullptr)
    return luaL_error(L, "http call headers must include ':path', ':method', and ':authority'");
  if (!options.asynchronous && !half.can_wait()) return luaL_error(L, "httpCall() can't wait here: use its asynchronous flag");
  if (!half.calls.may_make_another()) return luaL_error(L, "the script makes too many calls");
  auto& head = half.calls.prepare(options);
  head.path = path, head.method = method, head.authority = host, head.scheme = scheme.empty() ? "http" : scheme;
  for (std::size_t i = 0; i < map.size(); ++i)
    if (!map.at(i).name.starts_with(':')) head.headers.append(map.at(i).name, map.at(i).value);
  if (body != nullptr) {
    head.headers.set(http::Name::content_length, decimal(size, arena));
    half.calls.set_body({body, size});
  }
  if (!options.asynchronous) return wait(L, half, Half::State::calling);
  half.calls.send_and_forget();
  return 0;
}

}  // namespace outrigger::filters::lua
