// PROXY headers to upstreams: whole and first whatever happens to their bytes, and of the right client.
#include "unit/sim/tcp.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

const std::string kType = "'@type': type.googleapis.com/envoy.extensions.";
const std::string kListener =
    "listener_filters: [{name: p, typed_config: {" + kType + "filters.listener.proxy_protocol.v3.ProxyProtocol}}],";
const std::string kLine = "PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\n";

std::string socket_of(const std::string& config) {
  return "transport_socket: {name: p, typed_config: {" + kType +
         "transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport, config: {" + config +
         "}, transport_socket: {name: raw, typed_config: {" + kType + "transport_sockets.raw_buffer.v3.RawBuffer}}}},";
}

}  // namespace

TEST_CASE("a PROXY header to an upstream goes before all bytes of the client", "[sim]") {
  play_all({{.listener = kListener, .cluster = socket_of("version: V1"), .tcp = "cluster: up,"}, [](World& w) {
              tcp_server(w);
              auto& client = tcp_client(w);
              client.send(kLine + "early");
              w.run(50ms);
              client.send(" late");
              w.run(50ms);
              CHECK_GENTLE(w, client.peer.in == kLine + "early late");
              client.peer.close();
              w.run(50ms);
              CHECK_GENTLE(w, w.stat("cluster.up.upstream_cx_active") == 0);
            }});
}

TEST_CASE("requests of two clients come by connections that tell the right one", "[sim]") {
  play_all(
      {{.listener = kListener, .cluster = socket_of("version: V2"), .hop = Setup::http2, .hop_hcm = "use_remote_address: true,"},
       [](World& w) {
         auto& up = w.server();
         for (const char* address : {"1.2.3.4", "9.9.9.9", "1.2.3.4"}) {
           auto& client = w.connect();
           client.send(std::string("PROXY TCP4 ") + address + " 5.6.7.8 11 22\r\n");
           client.get(std::string("/") + address);
           w.run(50ms);
           CHECK_GENTLE(w, client.status() == 200);
         }
         for (const auto& r : up.requests) CHECK("/" + std::string(r.get("x-forwarded-for")) == r.path());
         CHECK_CLEAN(w, w.stat("cluster.up.upstream_cx_total") == 2);
       }});
}
