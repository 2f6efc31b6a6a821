// The header object: a map of headers, with what begins with ':' first, as in Envoy's maps.
#include <array>
#include <cmath>

#include "filters/lua/api.h"
#include "proxy/base/numbers.h"
#include "proxy/http/removed_status.h"

namespace outrigger::filters::lua {

namespace {

struct Special {
  std::string_view name;
  std::string_view* value;
};

/// Those of a head in Envoy's order; how many there are.
std::size_t specials(Half& half, Which which, std::array<Special, 5>& out) {
  auto* head = which == of_request ? &half.stream.request() : which == own ? half.request : nullptr;
  if (head == nullptr) return 0;
  out = {{{":authority", &head->authority},
          {":path", &head->path},
          {":method", &head->method},
          {":scheme", &head->scheme},
          {":protocol", &head->protocol_upgrade}}};
  return out.size();
}

std::string_view* special(Half& half, Which which, std::string_view name, std::array<Special, 5>& all) {
  const std::size_t n = specials(half, which, all);
  if (name == "host") name = ":authority";
  for (std::size_t i = 0; i < n; ++i)
    if (all[i].name == name) return all[i].value;
  return nullptr;
}

http::HeaderMap& map_of(Half& half, Which which) {
  return which == of_trailers ? *half.trailers : which == of_request ? half.stream.request().headers : half.headers();
}

bool is_status(const Half& half, Which which, std::string_view name) {
  return which == own && !half.is_request && name == ":status";
}

std::string_view status_text(Half& half) {
  return half.response->status == http::kRemovedStatus ? std::string_view{} : decimal(half.response->status, half.stream.arena());
}

void set_status(lua_State* L, Half& half, std::string_view text) {
  const auto status = to_number<std::uint16_t>(text);
  if (!status || *status < 100 || *status > 999) luaL_error(L, ":status must be a number of three digits");
  half.response->status = *status;
}

/// The name in lower case: on Lua's stack, so as to need no room in the arena.
std::string_view lower_name_at(lua_State* L, int index) {
  const auto text = text_at(L, index);
  bool is_lower = true;
  for (const char c : text) is_lower = is_lower && lower(c) == c;
  if (is_lower) return text;
  auto* copy = static_cast<char*>(lua_newuserdata(L, text.size()));
  for (std::size_t i = 0; i < text.size(); ++i) copy[i] = lower(text[i]);
  return {copy, text.size()};
}

std::uint32_t bit_of(Which which) { return 1U << which; }

/// For what changes the map.
Half& modifiable(lua_State* L, Which which) {
  auto& half = half_of(L);
  if ((half.iterating & bit_of(which)) != 0) luaL_error(L, "header map cannot be modified while iterating");
  if (which != own) return half;
  if (half.headers_continued) luaL_error(L, "header map can no longer be modified");
  if (half.is_request && half.factory.config().clear_route_cache) half.stream.clear_route_cache();
  return half;
}

int add(lua_State* L) {
  const auto which = object_at(L, kHeaders).which;
  auto& half = modifiable(L, which);
  const auto name = header_name_at(L, 2), value = header_value_at(L, 3);
  std::array<Special, 5> all;
  if (is_status(half, which, name)) return luaL_error(L, "there can be one :status only");
  if (auto* s = special(half, which, name, all)) {
    half.charge(L, s->size());
    *s = s->data() == nullptr ? value : half.stream.arena().cat(*s, ",", value);
  } else
    map_of(half, which).append(name, value);
  return 0;
}

/// Names that Envoy knows keep their place.
void put(http::HeaderMap& map, std::string_view name, std::string_view value) {
  if (const auto id = http::lookup(name); id != http::Name::other) return map.set(id, value);
  map.remove(name);
  map.add(name, value);
}

int replace(lua_State* L) {
  const auto which = object_at(L, kHeaders).which;
  auto& half = modifiable(L, which);
  const auto name = header_name_at(L, 2), value = header_value_at(L, 3);
  std::array<Special, 5> all;
  if (is_status(half, which, name))
    set_status(L, half, value);
  else if (auto* s = special(half, which, name, all))
    *s = value;
  else
    put(map_of(half, which), name, value);
  return 0;
}

int remove(lua_State* L) {
  const auto which = object_at(L, kHeaders).which;
  auto& half = modifiable(L, which);
  const auto name = lower_name_at(L, 2);
  std::array<Special, 5> all;
  if (is_status(half, which, name))
    half.response->status = http::kRemovedStatus;
  else if (auto* s = special(half, which, name, all))
    *s = {};
  else
    map_of(half, which).remove(name);
  return 0;
}

/// Calls f with each value of the name. Returns how many there are.
template <class F>
std::size_t each_value(Half& half, Which which, std::string_view name, F&& f) {
  std::array<Special, 5> all;
  if (is_status(half, which, name)) {
    f(status_text(half));
    return 1;
  }
  if (const auto* s = special(half, which, name, all)) {
    if (s->data() == nullptr) return 0;
    f(*s);
    return 1;
  }
  std::size_t n = 0;
  for (const auto& e : map_of(half, which))
    if (e.name == name) f(e.value), ++n;
  return n;
}

int get(lua_State* L) {
  const auto which = object_at(L, kHeaders).which;
  const auto name = lower_name_at(L, 2);
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  bool first = true;
  const auto n = each_value(half_of(L), which, name, [&](std::string_view v) {
    if (!first) luaL_addchar(&text, ',');
    first = false;
    luaL_addlstring(&text, v.data(), v.size());
  });
  if (n == 0) return 0;
  luaL_pushresult(&text);
  return 1;
}

int get_at_index(lua_State* L) {
  const auto which = object_at(L, kHeaders).which;
  const double index = std::trunc(luaL_checknumber(L, 3));
  const auto name = lower_name_at(L, 2);
  double at = 0;
  std::string_view found;
  bool is_there = false;
  each_value(half_of(L), which, name, [&](std::string_view v) {
    if (at++ == index) found = v, is_there = true;
  });
  if (!is_there) return 0;
  push(L, found);
  return 1;
}

int get_num_values(lua_State* L) {
  const auto which = object_at(L, kHeaders).which;
  const auto n = each_value(half_of(L), which, lower_name_at(L, 2), [](std::string_view) {});
  lua_pushnumber(L, static_cast<double>(n));
  return 1;
}

int set_reason(lua_State* L) {
  const auto which = object_at(L, kHeaders).which;
  const auto text = header_value_at(L, 2);
  auto& half = half_of(L);
  if (which == own && !half.is_request) half.response->reason = text;
  return 0;
}

/// Upvalues: the object, how many entries it has told.
int next(lua_State* L) {
  const auto which = object_at(L, kHeaders, lua_upvalueindex(1)).which;
  auto& half = half_of(L);
  auto at = static_cast<std::size_t>(lua_tonumber(L, lua_upvalueindex(2)));
  std::array<Special, 5> all;
  const std::size_t n = specials(half, which, all);
  while (at < n && all[at].value->data() == nullptr) ++at;
  std::string_view name, value;
  const bool status = which == own && !half.is_request;
  const std::size_t before = n + (status ? 1 : 0);
  const auto& map = map_of(half, which);
  if (at < n) {
    name = all[at].name, value = *all[at].value;
  } else if (at < before) {
    name = ":status", value = status_text(half);
  } else if (at - before < map.size()) {
    name = map.at(at - before).name, value = map.at(at - before).value;
  } else {
    half.iterating &= ~bit_of(which);
    return 0;
  }
  lua_pushnumber(L, static_cast<double>(at + 1));
  lua_replace(L, lua_upvalueindex(2));
  push(L, name);
  push(L, value);
  return 2;
}

int pairs(lua_State* L) {
  const auto which = object_at(L, kHeaders).which;
  auto& half = half_of(L);
  if ((half.iterating & bit_of(which)) != 0) luaL_error(L, "cannot create a second iterator before completing the first");
  half.iterating |= bit_of(which);
  lua_pushvalue(L, 1);
  lua_pushnumber(L, 0);
  lua_pushcclosure(L, &next, 2);
  return 1;
}

constexpr luaL_Reg kMethods[] = {
    {"add", &add},       {"get", &get},         {"getAtIndex", &get_at_index},         {"getNumValues", &get_num_values},
    {"remove", &remove}, {"replace", &replace}, {"setHttp1ReasonPhrase", &set_reason}, {"__pairs", &pairs}};

}  // namespace

void register_headers(lua_State* L) { register_type(L, kHeaders, kMethods); }

}  // namespace outrigger::filters::lua
