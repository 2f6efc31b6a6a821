// Logins at an authorization server: requests wait for its tokens, whatever becomes of the question.
#include <cstdio>
#include "filters/oauth2_crypto.h"
#include "filters/oauth2_state.h"
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

constexpr const char* kServer = "10.0.2.1:80";  // the cluster mirror
const std::string kSecret = "secret";
const std::string kTokens = R"({"access_token": "new-access", "refresh_token": "new-refresh", "expires_in": 3600})";

/// A secret as a source brings it.
struct SecretFile {
  SecretFile() {
    char name[] = "/tmp/outrigger-secret-XXXXXX";
    const int fd = mkstemp(name);
    REQUIRE(fd >= 0);
    const std::string text =
        R"({"resources": [{"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret", "name": "s", )"
        R"("generic_secret": {"secret": {"inline_string": "secret"}}}]})";
    REQUIRE(write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    close(fd);
    path = name;
  }
  ~SecretFile() { std::remove(path.c_str()); }
  std::string path;
};

Setup oauth2(const SecretFile& file, const std::string& more = "") {
  const std::string secret = "{name: s, sds_config: {path_config_source: {path: '" + file.path + "'}}}";
  return {.filters =
              "{name: oauth2, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.oauth2.v3.OAuth2, "
              "config: {token_endpoint: {uri: 'http://auth/token', cluster: mirror, timeout: 0.2s}, authorization_endpoint: "
              "'https://auth/', redirect_uri: 'http://h/callback', redirect_path_matcher: {path: {exact: /callback}}, "
              "signout_path: {path: {exact: /signout}}, credentials: {client_id: c, token_secret: " +
              secret + ", hmac_secret: " + secret + "}" + more + "}}},"};
}

/// As the filter itself would have them, of a login that is over.
std::string old_cookies() {
  return "cookie: OauthExpires=1; BearerToken=old; RefreshToken=" + filters::encrypt("old-refresh", kSecret, false) + "\r\n";
}

std::string callback_path() {
  return "/callback?code=x&state=" + filters::encode_state("http://h/original", filters::make_csrf_token(kSecret, "ab"), "ab");
}
std::string flow_cookies() {
  return "cookie: OauthNonce.ab=" + filters::make_csrf_token(kSecret, "ab") +
         "; CodeVerifier.ab=" + filters::encrypt("verifier", kSecret, false) + "\r\n";
}

}  // namespace

TEST_CASE("a request waits for newer tokens, and goes on with them", "[sim][oauth2]") {
  const SecretFile file;
  play_all({oauth2(file, ", forward_bearer_token: true"), [](World& w) {
              auto& up = w.server();
              auto& auth = w.server(kServer);
              auth.on_request = [&w](auto& c, const Message& m) {
                CHECK(m.start.starts_with("POST /token "));
                w.after(5ms, [&c] { c.reply(kTokens); });
              };
              auto& client = w.connect();
              client.get("/", old_cookies());
              w.run(3ms);
              CHECK_CLEAN(w, up.requests.empty());
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 200);
              CHECK_CLEAN(w, up.requests.size() == 1);
              CHECK(auth.requests.size() <= 1);
            }});
}

TEST_CASE("a code is exchanged, or nobody is logged in", "[sim][oauth2]") {
  const SecretFile file;
  const std::string answer = GENERATE(as<std::string>{}, kTokens, "{", "");
  play_all({oauth2(file), [&answer](World& w) {
              auto& up = w.server();
              auto& auth = w.server(kServer);
              auth.on_request = [&answer](auto& c, const Message&) { c.reply(answer); };
              auto& client = w.connect();
              client.get(callback_path(), flow_cookies());
              w.run(1s);
              CHECK_CLEAN(w, client.status() == (answer == kTokens ? 302 : 401));
              CHECK(up.requests.empty());
            }});
}

TEST_CASE("tokens that come too late, or to nobody", "[sim][oauth2]") {
  const SecretFile file;
  play_all({oauth2(file), [](World& w) {
              auto& up = w.server();
              auto& auth = w.server(kServer);
              auth.on_request = [](auto&, const Message&) {};  // says nothing
              auto& stays = w.connect();
              auto& goes = w.connect();
              stays.get("/", old_cookies());
              goes.get(callback_path(), flow_cookies());
              w.run(50ms);
              goes.peer.close();
              w.run(1s);
              CHECK_CLEAN(w, stays.status() == 302);  // to log in again
              CHECK(up.requests.empty());
            }});
}
