// The HTTP filter oauth2.
#include <algorithm>
#include "envoy/extensions/filters/http/oauth2/v3/oauth.pb.h"
#include "filters/oauth2.h"
#include "proxy/http/h1_parser.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"
#include "xds/compile/format.h"
#include "xds/compile/http_uri.h"
#include "xds/compile/matchers.h"
#include "xds/compile/secret_text.h"

namespace outrigger::xds {

namespace oauth2_v3 = envoy::extensions::filters::http::oauth2::v3;
using Config = oauth2_v3::OAuth2Config;

namespace {

using Matchers = google::protobuf::RepeatedPtrField<envoy::config::route::v3::HeaderMatcher>;

void compile_matchers(const Matchers& list, const Path& at, std::string_view field, Problems& problems,
                      std::vector<route::HeaderMatcher>& into) {
  for (int i = 0; i < list.size(); ++i)
    if (auto m = compile_header_matcher(list.Get(i), at.at(field, i), problems)) into.push_back(std::move(*m));
}

/// As it is put into requests and redirects.
void check_text(const std::string& text, const Path& at, Problems& problems) {
  if (!http::can_be_value(text)) problems.error(at, "has characters that no header may have");
}

void compile_token_endpoint(const Config& p, const Path& at, Problems& problems, const CompileContext& c,
                            filters::OAuth2Config& o) {
  const auto& uri = p.token_endpoint();
  const auto scheme = uri.uri().find("://");
  auto parts = split_uri(uri.uri(), scheme == std::string::npos ? 0 : scheme + 3);
  o.token_authority = std::move(parts.authority);
  o.token_path = std::move(parts.path);
  if (!http::can_be_value(uri.uri()) || uri.uri().find(' ') != std::string::npos)
    problems.error(at / "uri", "has characters that no request may have");
  o.token_cluster = uri.cluster();
  o.token_timeout = to_duration(uri.timeout());
  if (!p.has_token_endpoint())
    problems.warn(at, "there is none: nobody can log in");
  else if (c.cluster_known && !c.cluster_known(o.token_cluster))
    problems.warn(at / "cluster", "unknown cluster '" + o.token_cluster + "': nobody can log in until it is there");
}

void compile_authorization(const Config& p, const Path& at, Problems& problems, filters::OAuth2Config& o) {
  const auto& endpoint = p.authorization_endpoint();
  const auto url = filters::parse_absolute_url(endpoint);
  if (!url)
    return problems.error(at / "authorization_endpoint",
                          "OAuth2 filter: invalid authorization endpoint URL '" + endpoint + "' in config.");
  o.authorization_url = std::string(url->scheme) + "://";
  o.authorization_url += url->host_and_port;
  o.authorization_url += url->path.starts_with('/') ? "" : "/";
  o.authorization_url += url->path.substr(0, url->path.find('?'));
  if (url->path.find('#') != std::string_view::npos) problems.error(at / "authorization_endpoint", "must have no fragment");
  o.authorization_query = filters::raw_query(endpoint);
  std::string scopes;
  for (const auto& s : p.auth_scopes()) (scopes += scopes.empty() ? "" : " ") += s;
  filters::overwrite_parameter(o.authorization_query, "client_id", p.credentials().client_id());
  filters::overwrite_parameter(o.authorization_query, "response_type", "code");
  filters::overwrite_parameter(o.authorization_query, "scope", filters::url_encode(p.auth_scopes().empty() ? "user" : scopes));
  for (const auto& r : p.resources()) o.resources += "&resource=" + filters::url_encode(r);
}

void compile_logout(const Config& p, const Path& at, Problems& problems, filters::OAuth2Config& o) {
  o.end_session_endpoint = p.end_session_endpoint();
  check_text(o.end_session_endpoint, at / "end_session_endpoint", problems);
  bool openid = false;
  for (const auto& s : p.auth_scopes()) openid = openid || s == "openid";
  if (!o.end_session_endpoint.empty() && !openid)
    problems.error(at / "end_session_endpoint", "OAuth2 filter: end session endpoint is only supported for OpenID Connect.");
  const auto& uri = p.post_logout_redirect_uri();
  if (p.has_post_logout_redirect_uri() && o.end_session_endpoint.empty())
    problems.warn(at / "post_logout_redirect_uri", "has no effect without an end_session_endpoint, as in Envoy");
  o.without_logout_uri = uri.disabled();
  if (uri.config_case() == oauth2_v3::PostLogoutRedirectUri::kUri)
    o.logout_uri = compile_text_format(uri.uri(), {}, at / "post_logout_redirect_uri" / "uri", problems).text;
}

void compile_assertion(const Config& p, const Path& at, Problems& problems, filters::OAuth2Config& o) {
  const auto& a = p.private_key_jwt_config();
  if (p.has_private_key_jwt_config() && o.client_auth != filters::ClientAuth::assertion)
    problems.warn(at / "private_key_jwt_config", "has no effect without PRIVATE_KEY_JWT, as in Envoy");
  o.assertion.algorithm = static_cast<filters::AssertionConfig::Algorithm>(a.signing_algorithm());
  if (a.has_assertion_lifetime()) o.assertion.lifetime = std::chrono::seconds(a.assertion_lifetime().seconds());
  o.assertion.audience = a.assertion_audience().empty() ? p.token_endpoint().uri() : a.assertion_audience();
}

void compile_credentials(const Config& p, const Path& at, Problems& problems, const CompileContext& c, filters::OAuth2Config& o) {
  const auto& credentials = p.credentials();
  const Path here = at / "credentials";
  o.client_id = credentials.client_id();
  check_text(o.client_id, here / "client_id", problems);
  switch (p.auth_type()) {
    case Config::BASIC_AUTH: o.client_auth = filters::ClientAuth::basic; break;
    case Config::TLS_CLIENT_AUTH: o.client_auth = filters::ClientAuth::tls; break;
    case Config::PRIVATE_KEY_JWT: o.client_auth = filters::ClientAuth::assertion; break;
    default: break;
  }
  if (o.client_auth == filters::ClientAuth::tls) {
    if (credentials.has_token_secret()) problems.warn(here / "token_secret", "has no effect with TLS_CLIENT_AUTH, as in Envoy");
  } else if (!credentials.has_token_secret()) {
    problems.error(here / "token_secret", "token_secret is required when auth_type is not TLS_CLIENT_AUTH");
  } else {
    o.client_secret = compile_secret_text(credentials.token_secret(), here / "token_secret", problems, c);
  }
  compile_assertion(p, at, problems, o);
  o.hmac_secret = compile_secret_text(credentials.hmac_secret(), here / "hmac_secret", problems, c);
  o.domain = credentials.cookie_domain();
  if (!o.domain.empty()) o.domain_attribute = ";domain=" + o.domain;
}

void compile_cookie(const std::string& name, const oauth2_v3::CookieConfig& p, filters::CookieSettings& o) {
  if (!name.empty()) o.name = name;
  if (!p.path().empty()) o.path = p.path();
  o.partitioned = p.partitioned();
  switch (p.same_site()) {
    case oauth2_v3::CookieConfig::STRICT: o.same_site = ";SameSite=Strict"; break;
    case oauth2_v3::CookieConfig::LAX: o.same_site = ";SameSite=Lax"; break;
    case oauth2_v3::CookieConfig::NONE: o.same_site = ";SameSite=None"; break;
    default: break;
  }
}

void compile_cookies(const Config& p, filters::OAuth2Config& o) {
  const auto& names = p.credentials().cookie_names();
  const auto& c = p.cookie_configs();
  compile_cookie(names.bearer_token(), c.bearer_token_cookie_config(), o.bearer);
  compile_cookie(names.oauth_hmac(), c.oauth_hmac_cookie_config(), o.hmac);
  compile_cookie(names.oauth_expires(), c.oauth_expires_cookie_config(), o.expires);
  compile_cookie(names.id_token(), c.id_token_cookie_config(), o.id);
  compile_cookie(names.refresh_token(), c.refresh_token_cookie_config(), o.refresh);
  compile_cookie(names.oauth_nonce(), c.oauth_nonce_cookie_config(), o.nonce);
  compile_cookie(names.code_verifier(), c.code_verifier_cookie_config(), o.verifier);
  o.keep_bearer = !p.disable_access_token_set_cookie();
  o.keep_id = !p.disable_id_token_set_cookie();
  o.keep_refresh = !p.disable_refresh_token_set_cookie();
  o.encrypts = !p.disable_token_encryption();
  if (p.has_token_cookie_chunking()) {
    const auto& chunking = p.token_cookie_chunking();
    o.chunks.size_max = chunking.has_max_cookie_size() ? chunking.max_cookie_size().value() : 4096;
    if (chunking.has_max_chunks()) o.chunks.count_max = chunking.max_chunks().value();
  }
  o.id_expires_with_bearer = p.use_access_token_expiry_for_id_token_cookie();
}

void compile_times(const Config& p, const Path& at, Problems& problems, filters::OAuth2Config& o) {
  const auto seconds = [&](const google::protobuf::Duration& d, std::string_view field, std::chrono::seconds& into) {
    if (d.seconds() < 0 || d.nanos() < 0) problems.error(at / field, "must not be negative");
    into = std::chrono::seconds(d.seconds());
  };
  if (p.has_default_expires_in()) seconds(p.default_expires_in(), "default_expires_in", o.default_expiry);
  if (p.has_default_refresh_token_expires_in())
    seconds(p.default_refresh_token_expires_in(), "default_refresh_token_expires_in", o.default_refresh_expiry);
  if (p.has_csrf_token_expires_in()) seconds(p.csrf_token_expires_in(), "csrf_token_expires_in", o.nonce_expiry);
  if (p.has_code_verifier_token_expires_in())
    seconds(p.code_verifier_token_expires_in(), "code_verifier_token_expires_in", o.verifier_expiry);
}

/// Clients must not decide what upstreams take for the filter's word.
void compile_forwarding(const Config& p, const Path& at, Problems& problems, filters::OAuth2Config& o) {
  o.forward_bearer = p.forward_bearer_token();
  o.preserve_authorization = p.preserve_authorization_header();
  const auto& header = p.forward_id_token().header();
  const Path forwarding = at / "forward_id_token";
  const Path here = forwarding / "header";
  o.id_header = lower(header);
  if (o.id_header.starts_with(':') || o.id_header == "host")
    problems.error(here, "invalid forward_id_token configuration: header '" + header +
                             "' can not be used to forward the ID token; pseudo-headers and the Host header are not allowed");
  const auto names_framing = {"content-length", "transfer-encoding", "connection", "cookie"};
  if (!o.id_header.empty() && !o.id_header.starts_with(':') &&
      (!http::is_token(o.id_header) || std::find(names_framing.begin(), names_framing.end(), o.id_header) != names_framing.end()))
    problems.error(here, "the ID token can't be forwarded in a header of this name: '" + header + "'");
  for (const auto& m : p.pass_through_matcher())
    if (!o.id_header.empty() && lower(m.name()) == o.id_header)
      problems.error(here,
                     "invalid forward_id_token configuration: pass_through_matcher can not match on the forwarded ID token "
                     "header '" +
                         header + "'");
  const int owners = int{o.forward_bearer} + int{o.preserve_authorization} + int{o.id_header == "authorization"};
  if (owners > 1)
    problems.error(at,
                   "invalid OAuth2 configuration: at most one of forward_bearer_token, preserve_authorization_header, or "
                   "forward_id_token (when forwarding the ID token on the Authorization header) may be set, as they all use "
                   "the Authorization header");
}

std::shared_ptr<filters::OAuth2Config> compile_oauth2(const Config& p, const std::string& stat_prefix, const Path& at,
                                                      Problems& problems, const CompileContext& c) {
  auto o = std::make_shared<filters::OAuth2Config>();
  compile_token_endpoint(p, at / "token_endpoint", problems, c, *o);
  compile_authorization(p, at, problems, *o);
  compile_logout(p, at, problems, *o);
  compile_credentials(p, at, problems, c, *o);
  o->redirect_uri = compile_text_format(p.redirect_uri(), {}, at / "redirect_uri", problems).text;
  if (!p.original_request_uri().empty())
    o->original_uri = compile_text_format(p.original_request_uri(), {}, at / "original_request_uri", problems).text;
  o->allowed_domains.assign(p.allowed_redirect_domains().begin(), p.allowed_redirect_domains().end());
  o->redirect_path = compile_string_matcher(p.redirect_path_matcher().path(), at / "redirect_path_matcher" / "path", problems);
  o->signout_path = compile_string_matcher(p.signout_path().path(), at / "signout_path" / "path", problems);
  compile_matchers(p.pass_through_matcher(), at, "pass_through_matcher", problems, o->pass_through);
  compile_matchers(p.deny_redirect_matcher(), at, "deny_redirect_matcher", problems, o->deny_redirect);
  compile_matchers(p.allow_failed_matcher(), at, "allow_failed_matcher", problems, o->allow_failed);
  compile_forwarding(p, at, problems, *o);
  compile_cookies(p, *o);
  compile_times(p, at, problems, *o);
  o->refreshes = !p.has_use_refresh_token() || p.use_refresh_token().value();
  std::string own = stats::sanitize(p.stat_prefix());
  if (!own.empty() && !own.ends_with('.')) own += '.';
  o->stats = stats::make_block<filters::OAuth2Stat>(c.stats, stat_prefix + own);
  return o;
}

FilterPtr make_oauth2(const oauth2_v3::OAuth2& p, const FilterPlace& f, CompileContext& c) {
  if (!p.has_config()) return std::make_shared<filters::OAuth2Factory>(nullptr);
  return std::make_shared<filters::OAuth2Factory>(compile_oauth2(p.config(), f.stat_prefix, f.config / "config", c.problems, c));
}

OverridePtr oauth2_override(const oauth2_v3::OAuth2PerRoute& p, const Path& at, Problems& problems, const CompileContext& c) {
  return compile_oauth2(p.config(), "", at / "config", problems, c);
}

}  // namespace

void add_oauth2_filters(FilterKinds& kinds) { kinds.add<make_oauth2, oauth2_override>(); }

}  // namespace outrigger::xds
