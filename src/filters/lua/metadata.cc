// Metadata as Lua values and back, the metadata object (read only) and the dynamic metadata object.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "filters/lua/api.h"
#include "proxy/base/json.h"
#include "proxy/http/connection_facts.h"

namespace outrigger::filters::lua {

namespace {

constexpr int kDepthMax = 32;
constexpr std::uint32_t kWalksMetadata = 1U << 8;

MetadataValue number_of(double n) {
  MetadataValue v;
  v.kind = MetadataValue::number;
  v.n = n;
  char text[32];
  v.json = !std::isfinite(n) ? "null" : std::string(text, std::to_chars(text, text + sizeof text, n).ptr);
  return v;
}

void push_fields(lua_State* L, const MetadataValue& object) {
  luaL_checkstack(L, 8, nullptr);
  lua_createtable(L, 0, static_cast<int>(object.fields.size()));
  for (const auto& [name, value] : object.fields) {
    push(L, name);
    push_value(L, value);
    lua_rawset(L, -3);
  }
}

/// How long a table is that is a list: its keys are whole numbers from 1. Otherwise 0.
std::size_t list_length(lua_State* L, int table) {
  double most = 0;
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    lua_pop(L, 1);
    const double key = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
    if (!(key >= 1 && std::floor(key) == key)) {
      lua_pop(L, 1);
      return 0;
    }
    most = std::max(most, key);
  }
  return static_cast<std::size_t>(std::min(most, 1e6));
}

bool read_list(lua_State* L, int table, std::size_t length, MetadataValue& into, int depth) {
  into.kind = MetadataValue::list;
  for (std::size_t i = 1; i <= length; ++i) {
    lua_rawgeti(L, table, static_cast<int>(i));
    if (!read_value(L, lua_gettop(L), into.items.emplace_back(), depth + 1)) return false;
    lua_pop(L, 1);
  }
  return true;
}

bool read_fields(lua_State* L, int table, MetadataValue& into, int depth) {
  into.kind = MetadataValue::object;
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    if (const int type = lua_type(L, -2); type != LUA_TSTRING) {
      lua_pushfstring(L, "unexpected type %s in table key (only string keys are supported)", lua_typename(L, type));
      return false;
    }
    auto& field = into.fields.emplace_back(std::string(text_at(L, -2)), MetadataValue{});
    if (!read_value(L, lua_gettop(L), field.second, depth + 1)) return false;
    lua_pop(L, 1);
  }
  std::sort(into.fields.begin(), into.fields.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return true;
}

bool read_table(lua_State* L, int table, MetadataValue& into, int depth) {
  if (depth > kDepthMax) {
    lua_pushliteral(L, "the table is nested too deeply for metadata");
    return false;
  }
  luaL_checkstack(L, 8, nullptr);
  const std::size_t length = list_length(L, table);
  return length > 0 ? read_list(L, table, length, into, depth) : read_fields(L, table, into, depth);
}

// ---- the metadata object

const MetadataValue* metadata_at(lua_State* L, int index = 1) {
  return static_cast<const MetadataValue*>(object_at(L, kMetadata, index).of);
}

int get(lua_State* L) {
  const auto* all = metadata_at(L);
  const auto key = text_at(L, 2);
  const auto* v = all == nullptr ? nullptr : all->field(key);
  if (v == nullptr) return 0;
  push_value(L, *v);
  return 1;
}

/// Upvalues: the object, how many entries it has told.
int next(lua_State* L) {
  const auto* all = metadata_at(L, lua_upvalueindex(1));
  const auto at = static_cast<std::size_t>(lua_tonumber(L, lua_upvalueindex(2)));
  if (all == nullptr || at >= all->fields.size()) {
    half_of(L).iterating &= ~kWalksMetadata;
    return 0;
  }
  lua_pushnumber(L, static_cast<double>(at + 1));
  lua_replace(L, lua_upvalueindex(2));
  push(L, all->fields[at].first);
  push_value(L, all->fields[at].second);
  return 2;
}

int pairs(lua_State* L) {
  metadata_at(L);
  auto& half = half_of(L);
  if ((half.iterating & kWalksMetadata) != 0) luaL_error(L, "cannot create a second iterator before completing the first");
  half.iterating |= kWalksMetadata;
  lua_pushvalue(L, 1);
  lua_pushnumber(L, 0);
  lua_pushcclosure(L, &next, 2);
  return 1;
}

// ---- dynamic metadata: of the request, or of its connection, which is not to be changed

const Metadata* dynamic_of(lua_State* L, Which which) {
  const auto& info = half_of(L).stream.info();
  if (which == own) return info.dynamic_metadata.get();
  return info.connection->found() == nullptr ? nullptr : info.connection->found()->dynamic_metadata.get();
}

int get_dynamic(lua_State* L) {
  const auto* all = dynamic_of(L, object_at(L, kDynamicMetadata).which);
  const auto name = text_at(L, 2);
  const auto* v = all == nullptr ? nullptr : all->find(name, {});
  if (v == nullptr) return 0;
  push_fields(L, *v);
  return 1;
}

/// False: an error message lies on the stack.
bool set_field(lua_State* L, Half& half) {
  const auto space = text_at(L, 2), key = text_at(L, 3);
  lua_settop(L, 4);
  MetadataValue value;
  if (!read_value(L, 4, value)) return false;
  auto all = copy_of(half.stream.info().dynamic_metadata);
  all->merge(space, MetadataValue::of(key, std::move(value)));
  half.stream.info().dynamic_metadata = std::move(all);
  return true;
}

int set_dynamic(lua_State* L) {
  if (object_at(L, kDynamicMetadata).which != own) return luaL_error(L, "a connection's metadata can't be set");
  auto& half = half_of(L);
  luaL_checkstring(L, 2);
  luaL_checkstring(L, 3);
  if (set_field(L, half)) return 0;
  luaL_where(L, 1);
  lua_insert(L, -2);
  lua_concat(L, 2);
  return lua_error(L);
}

/// A copy of all, as a table.
void push_all(lua_State* L, const Metadata* all) {
  std::string text;
  if (all != nullptr) all->append_json(text);
  const auto copy = parse_json_object(text);
  push_fields(L, copy ? *copy : MetadataValue{});
}

int pairs_dynamic(lua_State* L) {
  const auto* all = dynamic_of(L, object_at(L, kDynamicMetadata).which);
  lua_getglobal(L, "next");
  push_all(L, all);
  lua_pushnil(L);
  return 3;
}

constexpr luaL_Reg kMethods[] = {{"get", &get}, {"__pairs", &pairs}};
constexpr luaL_Reg kDynamicMethods[] = {{"get", &get_dynamic}, {"set", &set_dynamic}, {"__pairs", &pairs_dynamic}};

}  // namespace

void push_value(lua_State* L, const MetadataValue& v) {
  switch (v.kind) {
    case MetadataValue::null: return lua_pushnil(L);
    case MetadataValue::number: return lua_pushnumber(L, v.n);
    case MetadataValue::boolean: return lua_pushboolean(L, v.b ? 1 : 0);
    case MetadataValue::string: return push(L, v.text);
    case MetadataValue::object: return push_fields(L, v);
    case MetadataValue::list: break;
  }
  luaL_checkstack(L, 8, nullptr);
  lua_createtable(L, static_cast<int>(v.items.size()), 0);
  for (std::size_t i = 0; i < v.items.size(); ++i) {
    push_value(L, v.items[i]);
    lua_rawseti(L, -2, static_cast<int>(i + 1));
  }
}

bool read_value(lua_State* L, int index, MetadataValue& into, int depth) {
  const std::size_t text = lua_type(L, index) == LUA_TSTRING ? lua_objlen(L, index) : 0;
  half_of(L).charge(L, sizeof into + text);  // also of a table that is met again and again
  switch (const int type = lua_type(L, index)) {
    case LUA_TNIL: return true;
    case LUA_TNUMBER: into = number_of(lua_tonumber(L, index)); return true;
    case LUA_TBOOLEAN:
      into.kind = MetadataValue::boolean;
      into.b = lua_toboolean(L, index) != 0;
      into.json = into.b ? "true" : "false";
      return true;
    case LUA_TSTRING: into = MetadataValue::of(text_at(L, index)); return true;
    case LUA_TTABLE: return read_table(L, index, into, depth);
    default: lua_pushfstring(L, "unexpected type '%s' in dynamicMetadata", lua_typename(L, type)); return false;
  }
}

void register_metadata(lua_State* L) {
  register_type(L, kMetadata, kMethods);
  register_type(L, kDynamicMetadata, kDynamicMethods);
}

}  // namespace outrigger::filters::lua
