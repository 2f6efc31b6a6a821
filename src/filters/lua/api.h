// What the functions that scripts call have in common. An object of a script is good for the run in which it was made, the handle
// for all runs of its half; they own nothing, so nothing has to be done when they go.
//
// Errors leave such a function by unwinding, as exceptions do: destructors run.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "filters/lua/half.h"
#include "proxy/base/metadata.h"

namespace outrigger::filters::lua {

inline constexpr char kHandle[] = "stream handle";
inline constexpr char kHeaders[] = "header object";
inline constexpr char kBuffer[] = "buffer object";
inline constexpr char kMetadata[] = "metadata object";
inline constexpr char kDynamicMetadata[] = "dynamic metadata object";
inline constexpr char kConnection[] = "connection object";
inline constexpr char kConnectionInfo[] = "connection stream info object";
inline constexpr char kSsl[] = "SSL connection object";
inline constexpr char kFilterState[] = "filter state object";
inline constexpr char kRoute[] = "route object";
inline constexpr char kPublicKey[] = "public key object";
inline constexpr char kStreamInfo[] = "stream info object";

struct Object {
  std::uint64_t scope;
  Which which;
  const void* of;
};

/// All types and globals.
void register_api(lua_State* L);
void register_type(lua_State* L, const char* type, std::span<const luaL_Reg> methods);
void register_headers(lua_State* L);
void register_buffer(lua_State* L);
void register_metadata(lua_State* L);
void register_stream_info(lua_State* L);
void register_ssl(lua_State* L);
void register_public_key(lua_State* L);

/// Leaves it on the stack.
void push_object(lua_State* L, const char* type, Which which = own, const void* of = nullptr);
void push_handle(lua_State* L, std::uint64_t id);
/// That of the run under way. For functions of objects, which cannot be reached but in one.
inline Half& half_of(lua_State* L) noexcept { return *static_cast<Half*>(Vm::of(L).owner()); }
/// Raises an error when it is not of the type, or of an earlier run.
Object& object_at(lua_State* L, const char* type, int index = 1);

inline std::string_view text_at(lua_State* L, int index) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(L, index, &size);
  return {text, size};
}
inline void push(lua_State* L, std::string_view text) { lua_pushlstring(L, text.data(), text.size()); }
/// In lower case, and kept; an error when it is no name of a header.
std::string_view header_name_at(lua_State* L, int index);
/// Kept; an error when it can't be the value of one.
std::string_view header_value_at(lua_State* L, int index);
/// The fields of a table into a map, of strings or lists of strings.
void read_headers(lua_State* L, int table, http::HeaderMap& into);

/// Ends this run: what the script waits for is told by the half's state.
int wait(lua_State* L, Half& half, Half::State state);

// Functions of the handle, which have files of their own.
int http_call(lua_State* L, Half& half);
int import_public_key(lua_State* L);
int verify_signature(lua_State* L);
/// The SSL connection object, or nil.
void push_ssl(lua_State* L);

void push_value(lua_State* L, const MetadataValue& v);
/// False: it is something that metadata can't hold; then an error message lies on top of the stack.
bool read_value(lua_State* L, int index, MetadataValue& into, int depth = 0);

}  // namespace outrigger::filters::lua
