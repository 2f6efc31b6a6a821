// The stream handle: what a script gets.
#include "filters/lua/api.h"
#include "proxy/base/base64.h"
#include "proxy/base/numbers.h"

namespace outrigger::filters::lua {

namespace {

Half& handle(lua_State* L) {
  object_at(L, kHandle);
  return half_of(L);
}

// ---- the message

int headers(lua_State* L) {
  handle(L);
  push_object(L, kHeaders);
  return 1;
}

int request_headers(lua_State* L) {
  push_object(L, kHeaders, handle(L).is_request ? own : of_request);
  return 1;
}

int body(lua_State* L) {
  auto& half = handle(L);
  bool wraps = false;
  if (lua_gettop(L) >= 2) {
    luaL_checktype(L, 2, LUA_TBOOLEAN);
    wraps = lua_toboolean(L, 2) != 0;
  }
  if (!half.ends) {
    if (half.saw_body) return luaL_error(L, "cannot call body() after body streaming has started");
    half.asked_for_body = true;
    half.wraps_body = wraps;
    return wait(L, half, Half::State::body);
  }
  if (!half.asked_for_body && half.saw_body) return luaL_error(L, "cannot call body() after body has been streamed");
  if (half.body == nullptr && !wraps) return 0;
  push_object(L, kBuffer, own, half.body);
  return 1;
}

/// Upvalue: the handle.
int next_chunk(lua_State* L) {
  object_at(L, kHandle, lua_upvalueindex(1));
  auto& half = half_of(L);
  return half.ends ? 0 : wait(L, half, Half::State::chunk);
}

int body_chunks(lua_State* L) {
  if (handle(L).saw_body) return luaL_error(L, "cannot call bodyChunks after body processing has begun");
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, &next_chunk, 1);
  return 1;
}

int trailers(lua_State* L) {
  auto& half = handle(L);
  if (half.trailers != nullptr) {
    push_object(L, kHeaders, of_trailers);
    return 1;
  }
  return half.ends ? 0 : wait(L, half, Half::State::trailers);
}

/// Takes ":status" out of what is to be answered; 0: there is no good one.
std::uint16_t take_status(http::HeaderMap& map) {
  const auto status = to_number<std::uint16_t>(map.get(":status")).value_or(0);
  map.remove(":status");
  return status >= 200 && status < 600 ? status : std::uint16_t{0};
}

int respond(lua_State* L) {
  auto& half = handle(L);
  if (half.headers_continued) return luaL_error(L, "respond() cannot be called if headers have been continued");
  luaL_checktype(L, 2, LUA_TTABLE);
  std::size_t size = 0;
  const char* text = luaL_optlstring(L, 3, nullptr, &size);
  auto& arena = half.stream.arena();
  auto& map = *arena.make<http::HeaderMap>(arena, http::MapOf::response);
  read_headers(L, 2, map);
  const auto status = take_status(map);
  if (status == 0) return luaL_error(L, ":status must be between 200-599");
  if (!half.is_request) return luaL_error(L, "respond not currently supported in the response path");
  if (L != half.coroutine()) return luaL_error(L, "a coroutine of the script's own can't respond");
  half.reply = {.status = status, .details = "lua_response"};
  if (text != nullptr) half.reply.body = arena.copy({text, size});
  if (size > 0) map.remove(http::Name::content_length);
  half.reply.set_headers(map);
  return wait(L, half, Half::State::responded);
}

// ---- metadata and the like

const MetadataValue* named(const Metadata* all, std::string_view name) {
  if (all == nullptr) return nullptr;
  const auto* v = all->find(name, {});
  return v != nullptr ? v : all->find("envoy.filters.http.lua", {});
}

int metadata(lua_State* L) {
  auto& half = handle(L);
  const auto* route = half.stream.route();
  push_object(L, kMetadata, own, named(route == nullptr ? nullptr : route->metadata.get(), half.factory.name));
  return 1;
}

int filter_context(lua_State* L) {
  auto& half = handle(L);
  const bool of_route = half.of_route != nullptr && half.of_route->context.has_value();
  push_object(L, kMetadata, own, of_route ? &*half.of_route->context : &half.factory.config().context);
  return 1;
}

int stream_info(lua_State* L) {
  handle(L);
  push_object(L, kStreamInfo);
  return 1;
}

int clear_route_cache(lua_State* L) {
  auto& half = handle(L);
  if (half.is_request) half.stream.clear_route_cache();
  return 0;
}

/// Which: own is the route, of_request its virtual host.
int route(lua_State* L) {
  handle(L);
  push_object(L, kRoute);
  return 1;
}

int virtual_host(lua_State* L) {
  handle(L);
  push_object(L, kRoute, of_request);
  return 1;
}

int route_metadata(lua_State* L) {
  const auto which = object_at(L, kRoute).which;
  auto& half = half_of(L);
  const auto* r = half.stream.route();
  const auto* all = which == of_request ? half.stream.info().virtual_host_metadata : r == nullptr ? nullptr : r->metadata.get();
  push_object(L, kMetadata, own, named(all, half.factory.name));
  return 1;
}

int connection(lua_State* L) {
  handle(L);
  push_object(L, kConnection);
  return 1;
}

int connection_info(lua_State* L) {
  handle(L);
  push_object(L, kConnectionInfo);
  return 1;
}

int call(lua_State* L) { return http_call(L, handle(L)); }

int set_override_host(lua_State* L) {
  auto& half = handle(L);
  const auto host = text_at(L, 2);
  if (!net::Address::parse_ip_port(host) && !net::Address::parse_ip(host, 0))
    return luaL_error(L, "host is not a valid IP address");
  bool only = false;
  if (lua_gettop(L) >= 3) {
    luaL_checktype(L, 3, LUA_TBOOLEAN);
    only = lua_toboolean(L, 3) != 0;
  }
  if (!half.is_request) return 0;
  half.charge(L, host.size());
  half.stream.wanted_host = {half.stream.arena().copy(host), only, 503};
  return 0;
}

// ---- tools

int import_key(lua_State* L) {
  handle(L);
  return import_public_key(L);
}

int verify(lua_State* L) {
  handle(L);
  return verify_signature(L);
}

/// nil: it is none.
int base64_decode(lua_State* L) {
  handle(L);
  thread_local std::string bytes;
  bytes.clear();
  thread_local std::string digits;
  digits.assign(text_at(L, 2));
  Vm::of(L).charge(L, digits.size() / 16 + 100);
  std::erase_if(digits, [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); });
  if (!decode_any_base64(digits, bytes))
    lua_pushnil(L);
  else
    push(L, bytes);
  return 1;
}

int base64_escape(lua_State* L) {
  handle(L);
  const auto text = text_at(L, 2);
  Vm::of(L).charge(L, text.size() / 16 + 100);
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  for (std::size_t at = 0; at < text.size(); at += 3) {
    char four[4];
    encode_base64_group(text.substr(at, 3), four);
    luaL_addlstring(&out, four, sizeof four);
  }
  luaL_pushresult(&out);
  return 1;
}

enum Resolution : std::uint8_t { millisecond, microsecond, undefined };

Resolution resolution_at(lua_State* L, int index) {
  const std::string_view text = luaL_optstring(L, index, "");
  if (text.empty()) return millisecond;
  const auto n = to_number<unsigned>(text);
  return n && *n <= microsecond ? static_cast<Resolution>(*n) : undefined;
}

std::int64_t now(Half& half, Resolution resolution) {
  const auto t = half.stream.thread().loop.wall().time_since_epoch();
  return resolution == millisecond ? std::chrono::duration_cast<std::chrono::milliseconds>(t).count()
                                   : std::chrono::duration_cast<std::chrono::microseconds>(t).count();
}

int timestamp(lua_State* L) {
  auto& half = handle(L);
  if (resolution_at(L, 2) != millisecond) return luaL_error(L, "timestamp format must be MILLISECOND.");
  lua_pushnumber(L, static_cast<double>(now(half, millisecond)));
  return 1;
}

int timestamp_string(lua_State* L) {
  auto& half = handle(L);
  const auto resolution = resolution_at(L, 2);
  if (resolution == undefined) return luaL_error(L, "timestamp format must be MILLISECOND or MICROSECOND.");
  char text[24];
  const auto end = std::to_chars(text, text + sizeof text, now(half, resolution)).ptr;
  lua_pushlstring(L, text, static_cast<std::size_t>(end - text));
  return 1;
}

constexpr luaL_Reg kMethods[] = {{"headers", &headers},
                                 {"requestHeaders", &request_headers},
                                 {"body", &body},
                                 {"bodyChunks", &body_chunks},
                                 {"trailers", &trailers},
                                 {"respond", &respond},
                                 {"metadata", &metadata},
                                 {"filterContext", &filter_context},
                                 {"streamInfo", &stream_info},
                                 {"clearRouteCache", &clear_route_cache},
                                 {"httpCall", &call},
                                 {"route", &route},
                                 {"virtualHost", &virtual_host},
                                 {"connection", &connection},
                                 {"connectionStreamInfo", &connection_info},
                                 {"setUpstreamOverrideHost", &set_override_host},
                                 {"importPublicKey", &import_key},
                                 {"verifySignature", &verify},
                                 {"base64Escape", &base64_escape},
                                 {"base64Decode", &base64_decode},
                                 {"timestamp", &timestamp},
                                 {"timestampString", &timestamp_string}};

constexpr luaL_Reg kRouteMethods[] = {{"metadata", &route_metadata}};

}  // namespace

int wait(lua_State* L, Half& half, Half::State state) {
  if (L != half.coroutine()) return luaL_error(L, "a coroutine of the script's own can't wait");
  half.state = state;
  return lua_yield(L, 0);
}

void register_api(lua_State* L) {
  register_type(L, kHandle, kMethods);
  register_headers(L);
  register_buffer(L);
  register_metadata(L);
  register_stream_info(L);
  register_ssl(L);
  register_public_key(L);
  register_type(L, kRoute, kRouteMethods);
  lua_newtable(L);
  lua_pushnumber(L, millisecond);
  lua_setfield(L, -2, "MILLISECOND");
  lua_pushnumber(L, microsecond);
  lua_setfield(L, -2, "MICROSECOND");
  lua_setglobal(L, "EnvoyTimestampResolution");
}

}  // namespace outrigger::filters::lua
