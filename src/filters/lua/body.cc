// The buffer object: a body, or a piece of one.
#include <cmath>

#include "filters/lua/api.h"
#include "proxy/base/numbers.h"

namespace outrigger::filters::lua {

namespace {

/// Null: of a message without a body.
Buffer* buffer_at(lua_State* L) { return static_cast<Buffer*>(const_cast<void*>(object_at(L, kBuffer).of)); }

int length(lua_State* L) {
  const auto* b = buffer_at(L);
  lua_pushnumber(L, b == nullptr ? 0 : static_cast<double>(b->size()));
  return 1;
}

int get_bytes(lua_State* L) {
  const auto* b = buffer_at(L);
  const double from = std::trunc(luaL_checknumber(L, 2)), count = std::trunc(luaL_checknumber(L, 3));
  const std::size_t size = b == nullptr ? 0 : b->size();
  if (!(from >= 0 && count >= 0 && from + count <= static_cast<double>(size)))
    return luaL_error(L, "index/length must be >= 0 and (index + length) must be <= buffer size");
  auto skip = static_cast<std::size_t>(from), left = static_cast<std::size_t>(count);
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (std::size_t i = 0; left > 0 && i < b->runs(); ++i) {
    auto run = b->run(i);
    if (skip >= run.size()) {
      skip -= run.size();
      continue;
    }
    run = run.substr(skip, left);
    skip = 0;
    left -= run.size();
    luaL_addlstring(&text, run.data(), run.size());
  }
  luaL_pushresult(&text);
  return 1;
}

int set_bytes(lua_State* L) {
  auto* b = buffer_at(L);
  const auto text = text_at(L, 2);
  auto& half = half_of(L);
  if (b == nullptr && !text.empty()) return luaL_error(L, "a message without a body can't be given one");
  if (b != nullptr) {
    b->clear();
    b->append(text);
    if (!half.headers_continued) half.headers().set(http::Name::content_length, decimal(text.size(), half.stream.arena()));
  }
  lua_pushnumber(L, static_cast<double>(text.size()));
  return 1;
}

constexpr luaL_Reg kMethods[] = {{"length", &length}, {"getBytes", &get_bytes}, {"setBytes", &set_bytes}};

}  // namespace

void register_buffer(lua_State* L) { register_type(L, kBuffer, kMethods); }

}  // namespace outrigger::filters::lua
