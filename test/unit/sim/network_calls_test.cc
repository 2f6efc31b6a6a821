// Connections that wait for what a service says of them (the network filters ext_authz and ratelimit), whatever becomes of the
// client, the upstream, the service and the call.
#include "unit/sim/h2_actors.h"
#include "unit/sim/tcp.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

constexpr const char* kService = "10.0.2.1:80";
constexpr const char* kType = "{'@type': type.googleapis.com/envoy.extensions.filters.network.";
const std::string kYes("\0\0\0\0\2\x0a\0", 7), kNo("\0\0\0\0\4\x0a\2\x08\7", 9);
const std::string kUnder("\0\0\0\0\2\x08\1", 7), kOver("\0\0\0\0\2\x08\2", 7);

/// The service is the cluster mirror.
Setup asking(const std::string& filter, const std::string& tcp) { return {.tcp = tcp, .before = filter, .mirror = kSpeaksHttp2}; }

Setup authz(const std::string& more = "", const std::string& tcp = "cluster: up,") {
  return asking(std::string("{name: a, typed_config: ") + kType +
                    "ext_authz.v3.ExtAuthz, stat_prefix: a, grpc_service: {envoy_grpc: {cluster_name: mirror}, timeout: 0.2s}" +
                    more + "}},",
                tcp);
}

Setup limit(const std::string& more = "") {
  return asking(std::string("{name: r, typed_config: ") + kType +
                    "ratelimit.v3.RateLimit, stat_prefix: r, domain: d, timeout: 0.2s, descriptors: [{entries: [{key: k, value: "
                    "v}]}], rate_limit_service: {transport_api_version: V3, grpc_service: {envoy_grpc: {cluster_name: mirror}}}" +
                    more + "}},",
                "cluster: up,");
}

/// What the service says of each call in turn, of the last one for ever; an empty text: nothing.
void answer(World& w, H2Server& service, std::vector<std::string> says, Duration after = 5ms) {
  service.on_request = [&w, says = std::move(says), after, n = std::size_t{0}](H2End& c, std::int32_t id, H2Message&) mutable {
    const std::string text = says[std::min(n++, says.size() - 1)];
    if (text.empty()) return;
    w.after(after, [&c, id, text] {
      c.reply(id, text, "200", false);
      c.send_trailers(id, "grpc-status", "0");
    });
  };
}

enum Who { client_ends, client_aborts, upstream_ends, upstream_aborts };

std::string got(Server& up) {
  std::string all;
  for (auto& c : up.connections) all += c.peer.in;
  return all;
}

void check_idle(World& w, const char* active) {
  w.run(1s);
  CHECK(w.stat(active) == 0);
}

}  // namespace

TEST_CASE("bytes wait until a service has let their connection pass", "[sim][authz]") {
  const bool more = GENERATE(false, true);
  play_all({authz(), [more](World& w) {
              auto& up = tcp_server(w);
              H2Server service(w.network, kService);
              answer(w, service, {kYes});
              auto& client = tcp_client(w);
              client.send("hello");
              w.run(3ms);
              CHECK(got(up).empty());
              if (more) client.send(" there");
              w.run(1s);
              CHECK_CLEAN(w, client.rest_bytes() == (more ? "hello there" : "hello"));
              client.peer.close();
              check_idle(w, "ext_authz.a.active");
            }});
}

TEST_CASE("nothing of a connection that is denied goes on", "[sim][authz]") {
  const std::string early =
      GENERATE("cluster: up,", "cluster: up, max_early_data_bytes: 100, upstream_connect_mode: ON_DOWNSTREAM_DATA,");
  play_all({authz("", early), [](World& w) {
              auto& up = tcp_server(w);
              H2Server service(w.network, kService);
              answer(w, service, {kNo});
              auto& client = tcp_client(w);
              client.send("hello");
              w.run(1s);
              CHECK(got(up).empty());
              CHECK_CLEAN(w, client.ended());
              CHECK_CLEAN(w, w.stat("ext_authz.a.cx_closed") == 1);
              check_idle(w, "ext_authz.a.active");
            }});
}

TEST_CASE("a service that says nothing has let nobody pass", "[sim][authz]") {
  play_all({authz(), [](World& w) {
              auto& up = tcp_server(w);
              H2Server service(w.network, kService);
              answer(w, service, {""});
              auto& client = tcp_client(w);
              client.send("hello");
              w.run(1s);
              CHECK(got(up).empty());
              CHECK_CLEAN(w, client.ended());
              check_idle(w, "ext_authz.a.active");
            }});
}

TEST_CASE("a connection goes on without its service when failures are allowed", "[sim][authz]") {
  play_all({authz(", failure_mode_allow: true"), [](World& w) {
              tcp_server(w);
              w.hide("mirror");
              auto& client = tcp_client(w);
              client.send("hello");
              w.run(1s);
              CHECK_CLEAN(w, client.rest_bytes() == "hello");
              w.show("mirror");
              client.peer.close();
              check_idle(w, "ext_authz.a.active");
            }});
}

TEST_CASE("what a client sends while a service is asked stays with the client", "[sim][authz]") {
  Setup s = authz();
  s.listener = kLimits;
  play_all({s,
            [](World& w) {
              auto& up = tcp_server(w);
              H2Server service(w.network, kService);
              answer(w, service, {kYes}, 100ms);
              auto& client = tcp_client(w);
              const std::string much(1'000'000, 'x');
              client.send(much);
              w.run(50ms);
              CHECK(got(up).empty());
              CHECK(w.blocks_max <= kBlocks);
              w.run(5s);
              CHECK_CLEAN(w, client.rest_bytes() == much);
              client.peer.close();
              check_idle(w, "ext_authz.a.active");
            },
            true});
}

TEST_CASE("clients and upstreams go while a service is asked", "[sim][authz]") {
  const auto who = GENERATE(client_ends, client_aborts, upstream_ends, upstream_aborts);
  play_all({authz(), [who](World& w) {
              auto& up = tcp_server(w);
              H2Server service(w.network, kService);
              answer(w, service, {kYes}, 50ms);
              auto& client = tcp_client(w);
              client.send("hello");
              w.run(20ms);
              if (who == client_ends) client.peer.close();
              if (who == client_aborts) client.peer.abort();
              for (auto& c : up.connections) {
                if (who == upstream_ends) c.peer.close();
                if (who == upstream_aborts) c.peer.abort();
              }
              w.run(20ms);
              CHECK(got(up).empty());
              w.run(1s);
              client.peer.abort();
              check_idle(w, "ext_authz.a.active");
            }});
}

TEST_CASE("two services are asked in turn", "[sim][authz]") {
  Setup s = authz();
  const bool last_denies = GENERATE(false, true);
  s.before += s.before;
  play_all({s, [last_denies](World& w) {
              auto& up = tcp_server(w);
              H2Server service(w.network, kService);
              answer(w, service, {kYes, last_denies ? kNo : kYes});
              auto& client = tcp_client(w);
              client.send("hello");
              w.run(1s);
              CHECK_CLEAN(w, got(up) == (last_denies ? "" : "hello"));
              if (last_denies) CHECK(got(up).empty());
              client.peer.abort();
              check_idle(w, "ext_authz.a.active");
            }});
}

TEST_CASE("requests wait until a service has let their connection pass", "[sim][authz]") {
  const bool yes = GENERATE(false, true);
  play_all({authz("", ""), [yes](World& w) {
              auto& up = w.server();
              H2Server service(w.network, kService);
              answer(w, service, {yes ? kYes : kNo});
              auto& client = w.connect();
              client.post("hello");
              w.run(3ms);
              CHECK(up.requests.empty());
              w.run(1s);
              if (!yes) CHECK(up.requests.empty());
              CHECK_CLEAN(w, client.responses().size() == (yes ? 1U : 0U));
              client.peer.close();
              check_idle(w, "ext_authz.a.active");
            }});
}

TEST_CASE("a client that leaves while a service is asked about its connection ends the call", "[sim][authz]") {
  play_all({authz("", ""), [](World& w) {
              w.server();
              H2Server service(w.network, kService);
              answer(w, service, {""});
              auto& client = w.connect();
              client.get();
              w.run(20ms);
              client.peer.close();
              w.run(50ms);
              CHECK_CLEAN(w, w.stat("http.in.downstream_cx_active") == 0);
              CHECK_CLEAN(w, w.stat("ext_authz.a.active") == 0);
            }});
}

TEST_CASE("a connection begins when a limit's service has left room for it", "[sim]") {
  const bool over = GENERATE(false, true);
  play_all({limit(), [over](World& w) {
              auto& up = tcp_server(w);
              H2Server service(w.network, kService);
              answer(w, service, {over ? kOver : kUnder});
              auto& client = tcp_client(w);
              client.send("hello");
              w.run(3ms);
              CHECK_CLEAN(w, up.connections.empty());  // else its failure may let it go on
              w.run(1s);
              CHECK_CLEAN(w, client.rest_bytes() == (over ? "" : "hello"));
              CHECK_CLEAN(w, client.ended() == over);
              client.peer.abort();
              check_idle(w, "ratelimit.r.active");
            }});
}

TEST_CASE("without a limit's service connections begin, unless the config denies that", "[sim]") {
  const bool denies = GENERATE(false, true);
  play_all({limit(denies ? ", failure_mode_deny: true" : ""), [denies](World& w) {
              auto& up = tcp_server(w);
              H2Server service(w.network, kService);
              answer(w, service, {""});
              auto& client = tcp_client(w);
              client.send("hello");
              w.run(1s);
              if (denies) CHECK(got(up).empty());
              CHECK_CLEAN(w, client.rest_bytes() == (denies ? "" : "hello"));
              client.peer.abort();
              check_idle(w, "ratelimit.r.active");
            }});
}
