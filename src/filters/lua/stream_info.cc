// The stream info object.
#include "filters/lua/api.h"
#include "proxy/net/tls_info.h"

namespace outrigger::filters::lua {

namespace {

http::StreamInfo& info_at(lua_State* L) {
  object_at(L, kStreamInfo);
  return half_of(L).stream.info();
}

template <auto text_of>
int text(lua_State* L) {
  push(L, text_of(info_at(L)));
  return 1;
}

std::string_view protocol(const http::StreamInfo& i) { return http::text_of(i.protocol); }
std::string_view route_name(const http::StreamInfo& i) { return i.route_name; }
std::string_view virtual_cluster(const http::StreamInfo& i) { return i.virtual_cluster; }
std::string_view local(const http::StreamInfo& i) { return i.connection->local.text(); }
std::string_view direct_remote(const http::StreamInfo& i) { return i.connection->direct_remote.text(); }
std::string_view remote(const http::StreamInfo& i) { return i.remote().text(); }
std::string_view direct_local(const http::StreamInfo& i) { return i.connection->local.text(); }
std::string_view server_name(const http::StreamInfo& i) { return i.connection->requested_server_name; }

int dynamic_metadata(lua_State* L) {
  info_at(L);
  push_object(L, kDynamicMetadata);
  return 1;
}

int no_typed_metadata(lua_State* L) { return luaL_error(L, "dynamicTypedMetadata() is not implemented"); }

int downstream_ssl(lua_State* L) {
  info_at(L);
  push_ssl(L);
  return 1;
}

int filter_state(lua_State* L) {
  info_at(L);
  push_object(L, kFilterState);
  return 1;
}

bool push_field(lua_State* L, const http::FilterState::Entry& e, std::string_view name) {
  const auto value = http::field_of(e, name);
  if (!value) return false;
  push(L, *value);
  return true;
}

/// state:get(key, field)
int get_state(lua_State* L) {
  object_at(L, kFilterState);
  const auto key = text_at(L, 2);
  const auto* e = half_of(L).stream.info().filter_state.find(key);
  if (e == nullptr) return 0;
  if (!lua_isnoneornil(L, 3)) return push_field(L, *e, text_at(L, 3)) ? 1 : 0;
  push(L, e->value);
  return 1;
}

int connection_ssl(lua_State* L) {
  object_at(L, kConnection);
  push_ssl(L);
  return 1;
}

int connection_metadata(lua_State* L) {
  object_at(L, kConnectionInfo);
  push_object(L, kDynamicMetadata, of_request);  // not the request's own
  return 1;
}

constexpr luaL_Reg kStateMethods[] = {{"get", &get_state}};
constexpr luaL_Reg kConnectionMethods[] = {{"ssl", &connection_ssl}};
constexpr luaL_Reg kConnectionInfoMethods[] = {{"dynamicMetadata", &connection_metadata},
                                               {"dynamicTypedMetadata", &no_typed_metadata}};

constexpr luaL_Reg kMethods[] = {{"protocol", &text<protocol>},
                                 {"routeName", &text<route_name>},
                                 {"virtualClusterName", &text<virtual_cluster>},
                                 {"downstreamLocalAddress", &text<local>},
                                 {"downstreamDirectRemoteAddress", &text<direct_remote>},
                                 {"downstreamRemoteAddress", &text<remote>},
                                 {"requestedServerName", &text<server_name>},
                                 {"dynamicMetadata", &dynamic_metadata},
                                 {"dynamicTypedMetadata", &no_typed_metadata},
                                 {"downstreamDirectLocalAddress", &text<direct_local>},
                                 {"downstreamSslConnection", &downstream_ssl},
                                 {"filterState", &filter_state}};

}  // namespace

void register_stream_info(lua_State* L) {
  register_type(L, kStreamInfo, kMethods);
  register_type(L, kFilterState, kStateMethods);
  register_type(L, kConnection, kConnectionMethods);
  register_type(L, kConnectionInfo, kConnectionInfoMethods);
}

}  // namespace outrigger::filters::lua
