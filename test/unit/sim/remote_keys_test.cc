// Tokens whose keys a service has: requests wait for them, whatever becomes of the question.
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

constexpr const char* kService = "10.0.2.1:80";

// HS256 by the key below, of the issuer "issuer".
const std::string kToken =
    "eyJhbGciOiAiSFMyNTYifQ.eyJpc3MiOiAiaXNzdWVyIiwgInN1YiI6ICJzdWJqZWN0IiwgImF1ZCI6ICJhcHAiLCAiZXhwIjogN"
    "DEwMjQ0NDgwMH0.HS6s8DO9pW3ggoZYoV8TqIq5jCnWJmHqTBvVYgrAIPA";
const std::string kKeys = R"({"keys": [{"kty": "oct", "k": "YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgeWVz"}]})";

/// The service is the cluster mirror.
Setup remote(const std::string& more = "") {
  return {.filters =
              "{name: jwt, typed_config: {'@type': "
              "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication, providers: {p: {issuer: "
              "issuer, remote_jwks: {http_uri: {uri: 'http://keys/jwks', cluster: mirror, timeout: 0.2s}" +
              more + "}}}, rules: [{match: {prefix: /}, requires: {provider_name: p}}]}},"};
}

/// Keys are kept by the config, which worlds share: the next one takes a new one.
void begin() { forget_loaded(); }

void ask(Client& c) { c.get("/", "authorization: Bearer " + kToken + "\r\n"); }

}  // namespace

TEST_CASE("requests wait for keys, which are kept as long as the config says", "[sim][jwt]") {
  play_all({remote(", cache_duration: 10s"), [](World& w) {
              begin();
              auto& up = w.server();
              auto& service = w.server(kService);
              service.on_request = [&w](auto& c, const Message& m) {
                CHECK(m.start.starts_with("GET /jwks "));
                w.after(5ms, [&c] { c.reply(kKeys); });
              };
              auto& client = w.connect();
              ask(client);
              w.run(3ms);
              CHECK_CLEAN(w, up.requests.empty());
              w.run(1s);
              ask(client);
              w.run(1s);
              CHECK_CLEAN(w, service.requests.size() == 1);
              w.run(20s);
              ask(client);
              w.run(1s);
              CHECK_CLEAN(w, service.requests.size() == 2);
              CHECK_CLEAN(w, client.status() == 200);
              CHECK(up.requests.size() <= 3);
            }});
}

TEST_CASE("without keys nobody passes", "[sim][jwt]") {
  const std::string answer = GENERATE("", "{", "{\"keys\":[]}");
  play_all({remote(), [&answer](World& w) {
              begin();
              auto& up = w.server();
              auto& service = w.server(kService);
              service.on_request = [&answer](auto& c, const Message&) { c.reply(answer); };
              auto& client = w.connect();
              ask(client);
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 401);
              CHECK(up.requests.empty());
            }});
}

TEST_CASE("keys that come too late, or to nobody", "[sim][jwt]") {
  play_all({remote(), [](World& w) {
              begin();
              auto& up = w.server();
              auto& service = w.server(kService);
              service.on_request = [](auto&, const Message&) {};  // says nothing
              auto& stays = w.connect();
              auto& goes = w.connect();
              ask(stays);
              ask(goes);
              w.run(50ms);
              goes.peer.close();
              w.run(1s);
              CHECK_CLEAN(w, stays.status() == 401);
              CHECK(up.requests.empty());
            }});
}

TEST_CASE("keys are asked for again after a failure", "[sim][jwt]") {
  play_all(
      {remote(", retry_policy: {num_retries: 2, retry_back_off: {base_interval: 0.01s, max_interval: 0.05s}}"), [](World& w) {
         begin();
         auto& up = w.server();
         auto& service = w.server(kService);
         service.on_request = [&service](auto& c, const Message&) {
           if (service.requests.size() < 2)
             c.reply("", "503 Service Unavailable");
           else
             c.reply(kKeys);
         };
         auto& client = w.connect();
         ask(client);
         w.run(1s);
         CHECK_CLEAN(w, service.requests.size() == 2);
         CHECK_CLEAN(w, client.status() == 200);
         CHECK(up.requests.size() <= 1);
       }});
}
