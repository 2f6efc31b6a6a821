// What upstreams do to the proxy: no connection, late ones, resets at every moment, connections that close while
// they wait to be used again.
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {
const std::string kRetry =
    "{match: {prefix: /}, route: {cluster: up, retry_policy: {retry_on: 'connect-failure,reset', num_retries: 2}}}";
}  // namespace

TEST_CASE("a refused connection is a 503", "[sim]") {
  const auto how = GENERATE(Target::refuse, Target::fail_at_once);
  play_all({{}, [how](World& w) {
              w.network.target("10.0.1.1:80").answer = how;
              auto& client = w.connect();
              client.get("/1");
              w.run(50ms);
              client.get("/2");
              w.run(50ms);
              CHECK_GENTLE(w, client.responses().size() == 2);
              CHECK_GENTLE(w, client.status() == 503);
              CHECK_CLEAN(w,
                          w.log().at(0).starts_with("503 UF upstream_reset_before_response_started{remote_connection_failure|"));
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_cx_connect_fail") == 2);
            }});
}

TEST_CASE("a refused connection is tried again, and the second host answers", "[sim]") {
  play_all({{.routes = kRetry, .hosts = 2}, [](World& w) {
              w.network.target("10.0.1.1:80").answer = Target::refuse;
              w.network.target("10.0.1.2:80").answer = Target::refuse;
              auto& up = w.server("10.0.1.2:80");
              auto& client = w.connect();
              w.after(0ms, [&] { up.target.answer = Target::accept; });
              client.get();
              w.run(2s);
              CHECK_GENTLE(w, client.status() == 200);
            }});
}

TEST_CASE("a connection that never comes times out on the millisecond", "[sim]") {
  play_all({{.cluster = "connect_timeout: 0.25s,"}, [](World& w) {
              w.network.target("10.0.1.1:80").answer = Target::silence;
              auto& client = w.connect();
              client.get();
              w.run(249ms);
              CHECK_GENTLE(w, client.status() == 0);
              w.run(20ms);
              CHECK_GENTLE(w, client.status() == 503);
              CHECK_CLEAN(w, w.log().at(0).starts_with("503 UF upstream_reset_before_response_started{connection_timeout}"));
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_cx_connect_timeout") == 1);
            }});
}

TEST_CASE("a connection that never comes is tried again until the retries are used up", "[sim]") {
  play_all({{.routes = kRetry, .cluster = "connect_timeout: 0.25s,"}, [](World& w) {
              w.network.target("10.0.1.1:80").answer = Target::silence;
              auto& client = w.connect();
              client.get();
              w.run(2s);
              CHECK_CLEAN(w, client.status() == 503);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_cx_connect_timeout") == 3);
              CHECK_CLEAN(w, w.log().at(0).starts_with("503 URX,UF "));
            }});
}

TEST_CASE("the upstream resets before the head of its answer", "[sim]") {
  play_all({{}, [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message& m) { m.path() == "/1" ? c.peer.abort() : c.reply(); };
              auto& client = w.connect();
              client.get("/1");
              w.run(50ms);
              CHECK_GENTLE(w, client.status() == 503);
              client.get("/2");
              w.run(50ms);
              CHECK_GENTLE(w, client.responses().size() == 2);
              CHECK_CLEAN(w, w.log().at(0).starts_with("503 UC upstream_reset_before_response_started{connection_termination}"));
            }});
}

TEST_CASE("the upstream closes in the middle of a head", "[sim]") {
  play_all({{}, [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message&) {
                c.send("HTTP/1.1 200 OK\r\ncontent-le");
                c.peer.close();
              };
              auto& client = w.connect();
              client.get();
              w.run(50ms);
              CHECK_GENTLE(w, client.status() == 502);
              CHECK_CLEAN(w, w.log().at(0).starts_with("502 UPE upstream_reset_before_response_started{protocol_error}"));
            }});
}

TEST_CASE("the upstream resets in the middle of a body", "[sim]") {
  play_all({{}, [](World& w) {
              auto& up = w.server();
              up.on_request = [&w](auto& c, const Message&) {
                c.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
                w.after(5ms, [&c] { c.peer.abort(); });
              };
              auto& client = w.connect();
              client.get();
              w.run(50ms);
              CHECK_GENTLE(w, client.status() == 0);
              CHECK_GENTLE(w, client.rest().message.body == "abc");
              CHECK_GENTLE(w, client.ended());
            }});
}

TEST_CASE("a kept connection that the upstream closes while it is idle is not used again", "[sim]") {
  const bool reset = GENERATE(false, true);
  play_all({{}, [reset](World& w) {
              auto& up = w.server();
              auto& client = w.connect();
              client.get("/1");
              w.run(50ms);
              for (auto& c : up.connections) reset ? c.peer.abort() : c.peer.close();
              w.run(50ms);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_cx_active") == 0);
              client.get("/2");
              w.run(50ms);
              CHECK_GENTLE(w, client.responses().size() == 2);
              CHECK_GENTLE(w, client.responses().at(1).status() == 200);
            }});
}

TEST_CASE("a kept connection that is closed just as the next request takes it", "[sim]") {
  const auto retry = GENERATE(false, true);
  play_all({{.routes = retry ? kRetry : Setup{}.routes}, [retry](World& w) {
              auto& up = w.server();
              up.on_request = [&up](auto& c, const Message&) {
                if (up.requests.size() == 2)
                  c.peer.abort();  // as if its FIN had crossed the request
                else
                  c.reply();
              };
              auto& client = w.connect();
              client.get("/1");
              w.run(50ms);
              client.get("/2");
              w.run(500ms);
              CHECK_GENTLE(w, client.responses().size() == 2);
              CHECK_GENTLE(w, client.responses().at(1).status() == (retry ? 200 : 503));
            }});
}

TEST_CASE("bytes that nobody asked for end a connection", "[sim]") {
  play_all({{}, [](World& w) {
              auto& up = w.server();
              up.on_request = [&w](auto& c, const Message& m) {
                c.reply();
                if (m.path() == "/1") c.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
                if (m.path() == "/2") w.after(5ms, [&c] { c.send("evil"); });
              };
              auto& client = w.connect();
              for (const auto* path : {"/1", "/2", "/3"}) {
                client.get(path);
                w.run(50ms);
              }
              CHECK_GENTLE(w, client.responses().size() == 3);
              for (const auto& r : client.responses())
                if (r.status() == 200) CHECK(r.body == "ok");
              CHECK_CLEAN(w, up.connections.size() == 3);
            }});
}

TEST_CASE("an idle connection is closed when its time is over", "[sim]") {
  play_all({{.cluster = "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"
                        "'@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, "
                        "common_http_protocol_options: {idle_timeout: 2s}, explicit_http_config: {http_protocol_options: {}}}},"},
            [](World& w) {
              auto& up = w.server();
              auto& client = w.connect();
              client.get();
              w.run(1s);
              client.get();
              w.run(1990ms);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_cx_active") == 1);
              w.run(20ms);
              CHECK_CLEAN(w, w.stat("cluster.up.upstream_cx_active") == 0);
              CHECK_CLEAN(w, up.connections.size() == 1);
              CHECK_CLEAN(w, up.connections.at(0).peer.ended());
            }});
}
