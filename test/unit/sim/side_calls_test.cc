// Requests that wait for what a side service says of them (ext_authz), whatever becomes of the request, the service and the call.
#include "unit/sim/h2_actors.h"
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

constexpr const char* kService = "10.0.2.1:80";

std::string ext_authz(const std::string& config) {
  return "{name: ext_authz, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz, "
         "transport_api_version: V3, " +
         config + "}},";
}

/// The service is the cluster mirror.
Setup over_http(const std::string& more = "") {
  return {.filters = ext_authz("http_service: {server_uri: {uri: 'http://a', cluster: mirror, timeout: 0.2s}}" + more)};
}

/// The service is the cluster up.
Setup over_grpc() {
  Setup s;
  s.routes = "{match: {prefix: /}, direct_response: {status: 200}}";
  s.filters = ext_authz("grpc_service: {envoy_grpc: {cluster_name: up}, timeout: 0.2s}");
  s.cluster = kSpeaksHttp2;
  return s;
}

const std::string kYes("\0\0\0\0\2\x0a\0", 7);

/// Nobody passes whom the service has not let pass.
void check_asked(Server& up, const Server& service) { CHECK(up.requests.size() <= service.requests.size()); }

}  // namespace

TEST_CASE("a request goes on when the service has said so, with its body", "[sim][authz]") {
  play_all({over_http(", with_request_body: {max_request_bytes: 100}"), [](World& w) {
              auto& up = w.server();
              auto& service = w.server(kService);
              service.on_request = [&w](auto& c, const Message& m) {
                CHECK(m.body == "hello");
                w.after(5ms, [&c] { c.reply(""); });
              };
              auto& client = w.connect();
              client.post("hello");
              w.run(3ms);
              CHECK_CLEAN(w, up.requests.empty());
              w.run(1s);
              client.post("hello");
              w.run(1s);
              CHECK_GENTLE(w, client.responses().size() == 2);
              CHECK_CLEAN(w, client.status() == 200);
              check_asked(up, service);
            }});
}

TEST_CASE("a body is shown to the service as soon as there is enough of it", "[sim][authz]") {
  play_all({over_http(", with_request_body: {max_request_bytes: 4, allow_partial_message: true}"), [](World& w) {
              auto& up = w.server();
              auto& service = w.server(kService);
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 8\r\n\r\nabcde");
              w.run(50ms);
              CHECK_CLEAN(w, service.requests.size() == 1);
              CHECK_CLEAN(w, service.requests.at(0).body == "abcd");
              client.send("fgh");
              w.run(1s);
              CHECK_CLEAN(w, up.requests.at(0).body == "abcdefgh");
              check_asked(up, service);
            }});
}

TEST_CASE("a body that is too large for the service is refused", "[sim][authz]") {
  play_all({over_http(", with_request_body: {max_request_bytes: 4}"), [](World& w) {
              auto& up = w.server();
              w.server(kService);
              auto& client = w.connect();
              client.post("abcde");
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 413);
              CHECK(up.requests.empty());
            }});
}

TEST_CASE("a request that the service denies gets its answer", "[sim][authz]") {
  play_all({over_http(), [](World& w) {
              auto& up = w.server();
              auto& service = w.server(kService);
              service.on_request = [](auto& c, const Message&) {
                c.send("HTTP/1.1 401 No\r\ncontent-length: 7\r\nx-why: so\r\n\r\ngo away");
              };
              auto& client = w.connect();
              client.get();
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 401);
              CHECK_CLEAN(w, client.responses().at(0).body == "go away");
              CHECK(up.requests.empty());
            }});
}

TEST_CASE("a client that leaves while the service is asked ends the call", "[sim][authz]") {
  play_all({over_http(), [](World& w) {
              auto& up = w.server();
              auto& service = w.server(kService);
              service.on_request = [](auto&, const Message&) {};  // never
              auto& client = w.connect();
              client.get();
              w.run(20ms);
              client.peer.abort();
              w.run(50ms);
              CHECK(up.requests.empty());
              CHECK_CLEAN(w, service.requests.size() == 1);
            }});
}

TEST_CASE("a service that answers too late has not answered", "[sim][authz]") {
  play_all({over_http(), [](World& w) {
              auto& up = w.server();
              auto& service = w.server(kService);
              service.on_request = [&w](auto& c, const Message&) { w.after(300ms, [&c] { c.reply(""); }); };
              auto& client = w.connect();
              client.get();
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 403);
              CHECK(up.requests.empty());
            }});
}

TEST_CASE("a service that says more than is kept has not answered", "[sim][authz]") {
  play_all({over_http(),
            [](World& w) {
              auto& up = w.server();
              auto& service = w.server(kService);
              service.on_request = [](auto& c, const Message&) { c.reply(std::string(2'000'000, 'x')); };
              auto& client = w.connect();
              client.get();
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 403);
              CHECK(up.requests.empty());
              CHECK(w.blocks_max <= 80);
            },
            true});
}

TEST_CASE("a service that goes away within its answer has not answered", "[sim][authz]") {
  play_all({over_http(), [](World& w) {
              auto& up = w.server();
              auto& service = w.server(kService);
              service.on_request = [&w](auto& c, const Message&) {
                c.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
                w.after(5ms, [&c] { c.peer.abort(); });
              };
              auto& client = w.connect();
              client.get();
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 403);
              CHECK(up.requests.empty());
            }});
}

TEST_CASE("a request goes on without its service when failures are allowed", "[sim][authz]") {
  play_all({over_http(", failure_mode_allow: true"), [](World& w) {
              w.server();
              w.hide("mirror");
              auto& client = w.connect();
              client.post("hello");
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 200);
              w.show("mirror");
            }});
}

TEST_CASE("a service is asked over gRPC, and denies by silence", "[sim][authz]") {
  play_all({over_grpc(), [](World& w) {
              H2Server service(w.network);
              int calls = 0;
              service.on_request = [&](H2End& c, std::int32_t id, H2Message&) {
                if (++calls > 1) return;
                c.reply(id, kYes, "200", false);
                w.after(5ms, [&c, id] { c.send_trailers(id, "grpc-status", "0"); });
              };
              auto& client = w.connect();
              client.get();
              w.run(1s);
              client.get();
              w.run(1s);
              CHECK_CLEAN(w, client.responses().size() == 2);
              CHECK_CLEAN(w, client.responses().at(0).status() == 200);
              CHECK_CLEAN(w, client.responses().at(1).status() == 403);
            }});
}

TEST_CASE("a service that resets a call within its answer has not answered", "[sim][authz]") {
  play_all({over_grpc(), [](World& w) {
              H2Server service(w.network);
              service.on_request = [&w](H2End& c, std::int32_t id, H2Message&) {
                c.reply(id, kYes, "200", false);
                w.after(5ms, [&c, id] { c.reset(id, 2); });
              };
              auto& client = w.connect();
              client.get();
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 403);
            }});
}
