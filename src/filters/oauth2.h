// The filter oauth2: browsers that have not logged in are sent to an authorization server, which sends them back with a code;
// that is exchanged for tokens, which the browser keeps in signed cookies and the filter renews. Envoy: oauth2.
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <vector>
#include "filters/oauth2_assertion.h"
#include "filters/oauth2_chunks.h"
#include "filters/oauth2_cookies.h"
#include "filters/oauth2_url.h"
#include "filters/secret_text.h"
#include "proxy/format/formatter.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/matcher.h"
#include "proxy/route/route.h"
#include "proxy/stats/names.h"

namespace outrigger::filters {

/// Below "http.<prefix>." and the filter's own prefix.
enum class OAuth2Stat : std::uint16_t {
  unauthorized_rq,
  failure,
  passthrough,
  success,
  refreshtoken_success,
  refreshtoken_failure,
  allow_failed_passthrough,
  legacy_cbc_decrypt,
  token_cookie_chunked,
  token_cookie_malformed_chunks,
  token_cookie_oversized,
  token_cookie_reassembled
};

inline stats::BlockDef block_def(OAuth2Stat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {{Kind::counter, "oauth_unauthorized_rq"},
                                              {Kind::counter, "oauth_failure"},
                                              {Kind::counter, "oauth_passthrough"},
                                              {Kind::counter, "oauth_success"},
                                              {Kind::counter, "oauth_refreshtoken_success"},
                                              {Kind::counter, "oauth_refreshtoken_failure"},
                                              {Kind::counter, "oauth_allow_failed_passthrough"},
                                              {Kind::counter, "oauth_legacy_cbc_decrypt"},
                                              {Kind::counter, "oauth_token_cookie_chunked"},
                                              {Kind::counter, "oauth_token_cookie_malformed_chunks"},
                                              {Kind::counter, "oauth_token_cookie_oversized"},
                                              {Kind::counter, "oauth_token_cookie_reassembled"}};
  return {kStats, {}};
}

enum class ClientAuth : std::uint8_t { form, basic, tls, assertion };

struct OAuth2Config : route::FilterPart {
  // The authorization server.
  std::string token_cluster, token_authority, token_path;
  Duration token_timeout{};
  std::string authorization_url;  // up to its query
  std::vector<RawParameter> authorization_query;
  std::string resources;  // "&resource=...", encoded
  std::string end_session_endpoint;
  // Who we are there.
  std::string client_id;
  ClientAuth client_auth = ClientAuth::form;
  AssertionConfig assertion;
  SecretTextPtr client_secret;  // null: of ClientAuth::tls
  SecretTextPtr hmac_secret;
  // Where browsers are sent.
  std::shared_ptr<const format::TextFormat> redirect_uri, original_uri, logout_uri;  // the last two: null for the usual ones
  bool without_logout_uri = false;
  std::vector<std::string> allowed_domains;
  // Which requests.
  route::StringMatcher redirect_path, signout_path;
  std::vector<route::HeaderMatcher> pass_through, deny_redirect, allow_failed;
  // What goes upstream.
  bool forward_bearer = false, preserve_authorization = false;
  std::string id_header;  // in lower case; empty: none
  // Cookies.
  CookieSettings bearer{"BearerToken"}, hmac{"OauthHMAC"}, expires{"OauthExpires"}, id{"IdToken"}, refresh{"RefreshToken"},
      nonce{"OauthNonce"}, verifier{"CodeVerifier"};
  std::string domain;            // cookie_domain
  std::string domain_attribute;  // ";domain=example.com"; empty: none
  bool keep_bearer = true, keep_id = true, keep_refresh = true, encrypts = true;
  ChunkLimits chunks;
  bool refreshes = true;
  bool id_expires_with_bearer = false;
  std::chrono::seconds default_expiry{0}, default_refresh_expiry{604800}, nonce_expiry{600}, verifier_expiry{600};
  stats::BlockHandle stats;
};

/// Without a config nothing is done, unless a route has one.
class OAuth2Factory final : public hcm::FilterFactory {
 public:
  explicit OAuth2Factory(std::shared_ptr<const OAuth2Config> config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const OAuth2Config* config() const noexcept { return config_.get(); }

 private:
  std::shared_ptr<const OAuth2Config> config_;
};

}  // namespace outrigger::filters
