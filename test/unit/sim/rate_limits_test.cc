// Requests that a service of rate limits is asked about, before and after them (the HTTP filter ratelimit).
#include "unit/sim/h2_actors.h"
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

constexpr const char* kService = "10.0.2.1:80";
const std::string kUnder("\0\0\0\0\2\x08\1", 7);

/// The service is the cluster mirror.
Setup limited(const std::string& rules) {
  return {.filters =
              "{name: r, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit, "
              "domain: d, timeout: 0.2s, rate_limit_service: {transport_api_version: V3, grpc_service: {envoy_grpc: "
              "{cluster_name: mirror}}}, rate_limits: [" +
              rules + "]}},",
          .mirror = kSpeaksHttp2};
}
constexpr const char* kNow = "{actions: [{generic_key: {descriptor_value: now}}]}";
constexpr const char* kAtEnd = "{apply_on_stream_done: true, actions: [{generic_key: {descriptor_value: end}}]}";

/// How often it was asked.
std::shared_ptr<int> answer(World& w, H2Server& service, bool says) {
  auto asked = std::make_shared<int>(0);
  service.on_request = [&w, asked, says](H2End& c, std::int32_t id, H2Message&) {
    ++*asked;
    if (!says) return;
    w.after(5ms, [&c, id] {
      c.reply(id, kUnder, "200", false);
      c.send_trailers(id, "grpc-status", "0");
    });
  };
  return asked;
}

}  // namespace

TEST_CASE("a service of limits hears of a request at its end, and holds nothing up", "[sim]") {
  const bool says = GENERATE(false, true);
  play_all({limited(kAtEnd), [says](World& w) {
              w.server();
              H2Server service(w.network, kService);
              const auto asked = answer(w, service, says);
              auto& client = w.connect();
              client.get();
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 200);
              CHECK_CLEAN(w, *asked == 1);
              client.peer.close();
              w.run(20s);
              CHECK_CLEAN(w, w.stat("http.in.downstream_rq_active") == 0);
              CHECK_CLEAN(w, w.stat("cluster.mirror.upstream_rq_active") == 0);
            }});
}

TEST_CASE("a request that ends while a service of limits is asked about it is not told of again", "[sim]") {
  play_all({limited(std::string(kNow) + "," + kAtEnd), [](World& w) {
              auto& up = w.server();
              H2Server service(w.network, kService);
              const auto asked = answer(w, service, false);
              auto& client = w.connect();
              client.get();
              w.run(20ms);
              client.peer.abort();
              w.run(1s);
              CHECK_CLEAN(w, up.requests.empty());  // else it may go on without an answer
              CHECK_CLEAN(w, *asked == 1);
              CHECK_CLEAN(w, w.stat("cluster.mirror.upstream_rq_active") == 0);
            }});
}
