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
std::string_view server_name(const http::StreamInfo& i) { return i.connection->requested_server_name; }

int dynamic_metadata(lua_State* L) {
  info_at(L);
  push_object(L, kDynamicMetadata);
  return 1;
}

constexpr luaL_Reg kMethods[] = {{"protocol", &text<protocol>},
                                 {"routeName", &text<route_name>},
                                 {"virtualClusterName", &text<virtual_cluster>},
                                 {"downstreamLocalAddress", &text<local>},
                                 {"downstreamDirectRemoteAddress", &text<direct_remote>},
                                 {"downstreamRemoteAddress", &text<remote>},
                                 {"requestedServerName", &text<server_name>},
                                 {"dynamicMetadata", &dynamic_metadata}};

}  // namespace

void register_stream_info(lua_State* L) { register_type(L, kStreamInfo, kMethods); }

}  // namespace outrigger::filters::lua
