#include "filters/oauth2.h"

#include <array>
#include <utility>

#include "filters/jwt.h"
#include "filters/oauth2_crypto.h"
#include "filters/oauth2_state.h"
#include "filters/oauth2_token.h"
#include "proxy/base/log.h"
#include "proxy/base/numbers.h"
#include "proxy/base/percent.h"
#include "proxy/hcm/stream.h"
#include "proxy/http/h1_parser.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using http::Name;

namespace {

constexpr std::string_view kStatus = "x-envoy-oauth-status", kReason = "x-envoy-oauth-failure-reason";
constexpr std::int64_t kExpiryMax = 9'000'000'000;  // seconds; Envoy counts nanoseconds

const runtime::RuntimeBool kWritesGcm{"envoy.reloadable_features.oauth2_use_gcm_encryption", false};
const runtime::RuntimeBool kReadsCbc{"envoy.reloadable_features.oauth2_legacy_cbc_decrypt_compat", true};

std::string_view without_query(std::string_view path) noexcept { return path.substr(0, path.find_first_of("?#")); }

bool any_of(const std::vector<route::HeaderMatcher>& all, const http::RequestHead& head) {
  for (const auto& m : all)
    if (m.match(head)) return true;
  return false;
}

class OAuth2 final : public hcm::HttpFilter, private OAuth2TokenEvents {
 public:
  OAuth2(hcm::Stream& stream, const OAuth2Factory& factory) : HttpFilter(stream), factory_(factory) {}

  FilterStatus on_request_head(http::RequestHead& head, bool) override {
    head.headers.remove(kStatus);  // nobody else may say these
    head.headers.remove(kReason);
    const auto* o = stream_.override_for(factory_.name);
    const auto* own = o == nullptr ? nullptr : o->as<OAuth2Config>();
    config_ = own != nullptr ? own : factory_.config();
    if (config_ == nullptr) return FilterStatus::go_on;
    if (!config_->id_header.empty() && !forwards_id_as_bearer()) head.headers.remove(std::string_view(config_->id_header));
    if (any_of(config_->pass_through, head)) {
      count(OAuth2Stat::passthrough);
      return FilterStatus::go_on;
    }
    if (!take_secrets()) return unavailable("OAuth2 secrets are not ready");
    RequestCookies cookies(head.headers);
    read_tokens(cookies);
    signed_ = is_signed(head, cookies);
    if (!config_->preserve_authorization) head.headers.remove(Name::authorization);
    if (config_->signout_path.match(without_query(head.path))) return sign_out(head, cookies);
    const bool callback = is_callback(head.path);
    if (is_logged_in(head, cookies)) return callback ? go_back(head, cookies) : pass(cookies);
    if (callback) return exchange_code(head, cookies);
    const auto refresh = cookies.get(config_->refresh.name);
    if (config_->refreshes && !refresh.empty()) return renew(refresh);
    const std::string at = ": " + std::string(head.path);
    if (may_fail(head))
      return pass_failed(head, "Unauthorized, and forwarding as unauthorized because OAuth failure is allowed" + at);
    if (any_of(config_->deny_redirect, head))
      return unauthorized("Unauthorized, and redirecting to OAuth server is not allowed" + at);
    return send_to_server(head);
  }

  FilterStatus on_response_head(http::ResponseHead& head, bool) override {
    if (std::exchange(renewed_, false))
      for (const auto& c : token_cookies_) add(head.headers, c);
    return FilterStatus::go_on;
  }

  void on_stream_end() override {
    if (call_ != nullptr) call_->cancel();
  }

 private:
  using Headers = http::HeaderMap;

  void count(OAuth2Stat s) { stream_.thread().cells.add(config_->stats, s); }
  bool runtime_has(const runtime::RuntimeBool& b) { return b.in(*stream_.thread().runtime); }
  std::int64_t now() {
    return std::chrono::duration_cast<std::chrono::seconds>(stream_.thread().loop.wall().time_since_epoch()).count();
  }

  /// What they are at its beginning holds for the whole request.
  bool take_secrets() {
    hmac_ = config_->hmac_secret->get();
    if (config_->client_secret != nullptr) client_ = config_->client_secret->get();  // of ClientAuth::assertion a key
    const auto there = [](const auto& s) { return s != nullptr && !s->empty(); };
    return there(hmac_) && (config_->client_auth == ClientAuth::tls || there(client_));
  }
  /// What proves who we are. False: why there is nothing.
  bool make_credential(std::string& out) {
    if (config_->client_auth != ClientAuth::assertion) {
      if (client_ != nullptr) out = *client_;
      return true;
    }
    std::string reason;
    out = make_assertion(config_->assertion, config_->client_id, *client_, now(), reason);
    if (out.empty()) out = "Failed to obtain client credential: " + reason;
    return reason.empty();
  }

  bool forwards_id_as_bearer() const { return config_->id_header == "authorization"; }
  bool is_callback(std::string_view path) const { return config_->redirect_path.match(without_query(path)); }

  // Tokens of the request.

  /// As they were before they were split and encrypted.
  void read_tokens(RequestCookies& cookies) {
    bool changed = false;
    const auto tokens = token_settings();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const auto& name = tokens[i]->name;
      const auto joined = join_chunks(cookies, name, had_[i]);
      if (joined == Joined::joined) count(OAuth2Stat::token_cookie_reassembled);
      if (joined == Joined::malformed) count(OAuth2Stat::token_cookie_malformed_chunks);
      const auto value = cookies.get(name);
      changed = changed || joined != Joined::nothing || (config_->encrypts && !value.empty());
      if (config_->encrypts && !value.empty()) decrypt_token(name, value, cookies);
    }
    if (changed) cookies.write();
  }
  /// What isn't encrypted, or with another secret, stays; the signature decides.
  void decrypt_token(std::string_view name, std::string_view value, RequestCookies& cookies) {
    const auto d = decrypt(value, *hmac_, runtime_has(kReadsCbc));
    // CBC lets a client change what is in there: nothing that it could not have sent itself, and one cookie.
    if (d.error != nullptr || !http::is_field_value(d.text) || d.text.find(';') != std::string::npos) return;
    if (d.cbc) count(OAuth2Stat::legacy_cbc_decrypt);
    cookies.set(name, d.text);
  }
  std::array<const CookieSettings*, 3> token_settings() const { return {&config_->bearer, &config_->id, &config_->refresh}; }

  std::string signed_text(std::string_view host, std::string_view expires, std::string_view access, std::string_view id,
                          std::string_view refresh) const {
    std::string out;
    out.reserve(host.size() + config_->domain.size() + expires.size() + access.size() + id.size() + refresh.size() + 4);
    out = config_->domain.empty() ? host : std::string_view(config_->domain);
    for (const auto part : {expires, access, id, refresh}) (out += '\n') += part;
    return out;
  }

  /// Are the tokens ours, whether or not they have expired?
  bool is_signed(const http::RequestHead& head, const RequestCookies& cookies) const {
    const auto signature = cookies.get(config_->hmac.name);
    if (signature.empty()) return false;
    const auto text = signed_text(head.authority, cookies.get(config_->expires.name), cookies.get(config_->bearer.name),
                                  cookies.get(config_->id.name), cookies.get(config_->refresh.name));
    return same_secret(sign(*hmac_, text), signature) || same_secret(sign_hex(*hmac_, text), signature);
  }

  bool is_logged_in(http::RequestHead& head, const RequestCookies& cookies) {
    const auto until = to_number<std::int64_t>(cookies.get(config_->expires.name));
    if (!signed_ || !until || *until > kExpiryMax || *until <= now()) return false;
    count(OAuth2Stat::success);
    forward_tokens(head, cookies.get(config_->bearer.name), cookies.get(config_->id.name));
    return true;
  }

  void forward_tokens(http::RequestHead& head, std::string_view access, std::string_view id) {
    auto& h = head.headers;
    const auto bearer = [&](std::string_view token) { h.set(Name::authorization, h.arena().cat("Bearer ", token)); };
    if (config_->forward_bearer && !access.empty()) bearer(access);
    if (config_->id_header.empty() || id.empty()) return;
    if (forwards_id_as_bearer())
      bearer(id);
    else
      h.set(std::string_view(config_->id_header), h.arena().copy(id));
  }

  /// What only this filter has to know does not go upstream.
  void hide_cookies(RequestCookies& cookies) const {
    for (const auto* s : {&config_->hmac, &config_->expires, &config_->refresh}) cookies.erase(s->name);
    for (const auto* s : {&config_->nonce, &config_->verifier}) cookies.erase_family(s->name);
    cookies.write();
  }

  FilterStatus pass(RequestCookies& cookies) const {
    if (!cookies.empty()) hide_cookies(cookies);
    return FilterStatus::go_on;
  }

  /// Callbacks are ours: what fails there never goes upstream.
  bool may_fail(const http::RequestHead& head) const { return !is_callback(head.path) && any_of(config_->allow_failed, head); }

  FilterStatus pass_failed(http::RequestHead& head, std::string_view reason) {
    RequestCookies cookies(head.headers);
    if (!cookies.empty()) {
      for (const auto* s : {&config_->bearer, &config_->id}) cookies.erase(s->name);
      hide_cookies(cookies);
    }
    head.headers.set(kStatus, "failed");
    head.headers.set(kReason, head.headers.arena().copy(reason));
    count(OAuth2Stat::allow_failed_passthrough);
    return FilterStatus::go_on;
  }

  // To the authorization server.

  std::string formatted(const format::TextFormat& f) {
    std::string out;
    f.append(stream_.format_context(), format::Missing::dash, out);
    return out;
  }

  FilterStatus send_to_server(http::RequestHead& head) {
    std::string base = iequals(head.scheme, "http") ? "http://" : "https://";
    base += head.authority;
    if (config_->original_uri != nullptr) base = formatted(*config_->original_uri);
    if (!is_allowed_domain(base, config_->allowed_domains))
      return unauthorized("authority or original_request_uri failed domain allow-list validation: " + base);
    const auto redirect_uri = formatted(*config_->redirect_uri);
    if (!is_allowed_domain(redirect_uri, config_->allowed_domains))
      return unauthorized("redirect_uri failed domain allow-list validation: " + redirect_uri);
    const auto flow = to_hex(random_bytes(8)), verifier = encode_base64url(random_bytes(32));
    const auto encrypted = encrypt(verifier, *hmac_, runtime_has(kWritesGcm));
    if (flow.empty() || verifier.empty() || encrypted.empty()) return unavailable("OAuth2 has no random numbers");
    const auto token = make_csrf_token(*hmac_, flow);

    auto& answer = redirect();
    const auto keep = [&](const CookieSettings& s, std::string_view value, std::chrono::seconds age) {
      for (const auto& name : {with_suffix(s.name, flow), s.name})  // the second for older versions of Envoy
        add(answer.headers, set_cookie(name, value, s, config_->domain_attribute, std::to_string(age.count())));
    };
    keep(config_->nonce, token, config_->nonce_expiry);
    keep(config_->verifier, encrypted, config_->verifier_expiry);
    auto query = config_->authorization_query;
    overwrite_parameter(query, "state", encode_state(base + std::string(head.path), token, flow));
    overwrite_parameter(query, "redirect_uri", url_encode(redirect_uri));
    overwrite_parameter(query, "code_challenge", code_challenge(verifier));
    overwrite_parameter(query, "code_challenge_method", "S256");
    count(OAuth2Stat::unauthorized_rq);
    return answer_with(answer, config_->authorization_url + query_text(std::move(query)) + config_->resources,
                       "oauth.missing_credentials");
  }

  http::ResponseHead& redirect() {
    auto& head = *stream_.arena().make<http::ResponseHead>(stream_.arena());
    head.status = 302;
    return head;
  }
  void add(Headers& h, const std::string& cookie) { h.add(Name::set_cookie, h.arena().copy(cookie)); }
  FilterStatus answer_with(http::ResponseHead& head, std::string_view location, std::string_view details) {
    head.headers.add(Name::location, stream_.arena().copy(location));
    stream_.info().details = details;
    stream_.respond_head(head, true);
    return FilterStatus::stop;
  }

  // Back from it.

  FilterStatus go_back(http::RequestHead& head, const RequestCookies& cookies) {
    const auto back = check_callback(head.path, cookies, *config_, *hmac_);
    flow_ = back.flow;
    if (!back.error.empty()) return unauthorized(back.error);
    const auto url = parse_absolute_url(back.url);
    if (url && is_callback(url->path))
      return unauthorized("State url query params matches the redirect path matcher: " + std::string(url->path));
    auto& answer = redirect();
    answer.headers.add(Name::location, stream_.arena().copy(back.url));
    delete_flow_cookies(answer.headers);
    stream_.info().details = "oauth.race_redirect";
    stream_.respond_head(answer, true);
    return FilterStatus::stop;
  }

  FilterStatus exchange_code(http::RequestHead& head, const RequestCookies& cookies) {
    auto back = check_callback(head.path, cookies, *config_, *hmac_);
    flow_ = back.flow;
    if (!back.error.empty()) return unauthorized(back.error);
    original_url_ = std::move(back.url);
    const auto verifier = cookies.get(config_->verifier.name, flow_);
    if (verifier.empty()) return unauthorized("Code verifier cookie is missing in the request");
    const auto d = decrypt(verifier, *hmac_, runtime_has(kReadsCbc));
    if (d.error != nullptr)
      return unauthorized("Failed to decrypt code verifier: " + std::string(verifier) + ", error: " + d.error);
    if (d.cbc) count(OAuth2Stat::legacy_cbc_decrypt);
    // CBC lets a client change what is in there: no further parameters get into the call.
    if (d.text.find_first_of("&;=%+") != std::string::npos || !http::is_field_value(d.text))
      return unauthorized("Code verifier cookie is invalid");
    renews_ = false;
    std::string secret;
    if (!make_credential(secret)) return unauthorized(secret);
    make_call().exchange_code(back.code, formatted(*config_->redirect_uri), d.text, secret);
    return outcome();
  }

  FilterStatus renew(std::string_view refresh) {
    renews_ = true;
    std::string secret;
    if (!make_credential(secret)) return unauthorized(secret);
    make_call().exchange_refresh_token(refresh, secret);
    return outcome();
  }

  OAuth2TokenCall& make_call() {
    OAuth2TokenEvents& self = *this;
    call_ = std::make_unique<OAuth2TokenCall>(stream_, *config_, self);
    return *call_;
  }
  /// After the call was made: it may be over already.
  FilterStatus outcome() {
    if (outcome_) return *outcome_;
    waits_ = true;
    return FilterStatus::stop;
  }
  void finish(FilterStatus s) {
    if (!waits_)
      outcome_ = s;
    else if (s == FilterStatus::go_on)
      stream_.continue_request(*this);
  }

  void on_tokens(OAuth2Tokens&& tokens) override {
    const auto& c = *config_;
    const auto age = [&](std::string_view token, std::chrono::seconds otherwise) {
      Jwt jwt;
      if (token.empty() || jwt.parse(token) != JwtStatus::ok || jwt.exp == 0) return std::to_string(otherwise.count());
      const auto seconds = static_cast<std::uint64_t>(now());
      return std::to_string(jwt.exp > seconds ? jwt.exp - seconds : 0);
    };
    age_ = std::to_string(tokens.expiry.count());
    refresh_age_ = c.refreshes ? age(tokens.refresh, c.default_refresh_expiry) : age_;
    id_age_ = c.id_expires_with_bearer ? age_ : age(tokens.id, tokens.expiry);
    expires_ = std::to_string(now() + tokens.expiry.count());
    if (c.keep_bearer) tokens_.access = std::move(tokens.access);
    if (c.keep_id) tokens_.id = std::move(tokens.id);
    if (c.refreshes && c.keep_refresh) tokens_.refresh = std::move(tokens.refresh);
    for (const auto* t : {&tokens_.access, &tokens_.id, &tokens_.refresh})
      if (!http::is_field_value(*t) || t->find(';') != std::string::npos)
        return finish(fail("A token cannot be kept in a cookie", {}));
    if (renews_ && tokens_.refresh.empty()) tokens_.refresh = RequestCookies(stream_.request().headers).get(c.refresh.name);
    if (const char* wrong = make_token_cookies()) return finish(unavailable(wrong));
    finish(renews_ ? use_tokens() : log_in());
  }

  FilterStatus log_in() {
    auto& answer = redirect();
    for (const auto& c : token_cookies_) add(answer.headers, c);
    delete_flow_cookies(answer.headers);
    count(OAuth2Stat::success);
    return answer_with(answer, original_url_, "oauth.logged_in");
  }

  /// The request goes on with them.
  FilterStatus use_tokens() {
    auto& head = stream_.request();
    RequestCookies cookies(head.headers);
    put_token(cookies, config_->bearer.name, tokens_.access);
    put_token(cookies, config_->id.name, tokens_.id);
    forward_tokens(head, tokens_.access, tokens_.id);
    hide_cookies(cookies);
    renewed_ = true;
    count(OAuth2Stat::refreshtoken_success);
    count(OAuth2Stat::success);
    return FilterStatus::go_on;
  }

  /// What the server didn't give anew stays only when it is ours, not just the client's word.
  void put_token(RequestCookies& cookies, std::string_view name, const std::string& token) {
    if (!token.empty())
      cookies.set(name, token);
    else if (!signed_)
      cookies.erase(name);
  }

  void on_token_refused(std::string_view more) override {
    if (!renews_)
      return finish(more.empty() ? fail("Failed to get access token due to HTTP request failure", {})
                                 : fail("Failed to get access token", more));
    count(OAuth2Stat::refreshtoken_failure);
    auto& head = stream_.request();
    if (may_fail(head))
      return finish(pass_failed(
          head, "Failed to refresh the access token, and forwarding as unauthorized because OAuth failure is allowed"));
    if (any_of(config_->deny_redirect, head))
      return finish(unauthorized("Failed to refresh the access token, and redirecting to OAuth server is not allowed"));
    finish(send_to_server(head));
  }
  void on_token_failure(std::string_view reason) override { finish(fail(reason, {})); }

  FilterStatus fail(std::string_view reason, std::string_view more) {
    auto& head = stream_.request();
    if (may_fail(head)) return pass_failed(head, reason);
    std::string details(reason);
    if (!more.empty()) (details += ": ") += more;
    return unauthorized(details);
  }

  // Cookies of the response.

  std::string kept(const std::string& token) {
    return config_->encrypts && !token.empty() ? encrypt(token, *hmac_, runtime_has(kWritesGcm)) : token;
  }

  /// Null: fine.
  const char* make_token_cookies() {
    const auto& domain = config_->domain_attribute;
    const auto text = signed_text(stream_.request().authority, expires_, tokens_.access, tokens_.id, tokens_.refresh);
    token_cookies_.push_back(set_cookie(config_->hmac.name, sign(*hmac_, text), config_->hmac, domain, age_));
    token_cookies_.push_back(set_cookie(config_->expires.name, expires_, config_->expires, domain, age_));
    const auto settings = token_settings();
    const std::string* const tokens[] = {&tokens_.access, &tokens_.id, &tokens_.refresh};
    const std::string* const ages[] = {&age_, &id_age_, &refresh_age_};
    for (std::size_t i = 0; i < settings.size(); ++i) {
      const auto value = kept(*tokens[i]);
      if (value.empty() && !tokens[i]->empty()) return "OAuth2 has no random numbers";
      bool split = false;
      if (!add_token_cookies(*settings[i], value, domain, *ages[i], had_[i], config_->chunks, token_cookies_, split)) {
        count(OAuth2Stat::token_cookie_oversized);
        return "OAuth token exceeds the cookie chunk limit";
      }
      if (split) count(OAuth2Stat::token_cookie_chunked);
    }
    return nullptr;
  }

  void delete_flow_cookies(Headers& h) {
    for (const auto* s : {&config_->nonce, &config_->verifier}) {
      if (!flow_.empty()) add(h, delete_cookie(with_suffix(s->name, flow_), *s, config_->domain_attribute, true));
      add(h, delete_cookie(s->name, *s, config_->domain_attribute, true));
    }
  }

  FilterStatus sign_out(const http::RequestHead& head, const RequestCookies& cookies) {
    auto& answer = redirect();
    const auto& c = *config_;
    for (const auto* s : {&c.hmac, &c.bearer, &c.id, &c.refresh, &c.expires})
      add(answer.headers, delete_cookie(s->name, *s, c.domain_attribute, true));
    for (const auto* s : {&c.nonce, &c.verifier})
      for (const auto name : cookies.family(s->name)) add(answer.headers, delete_cookie(name, *s, c.domain_attribute, true));
    std::vector<std::string> chunks;
    const auto tokens = token_settings();
    for (std::size_t i = 0; i < tokens.size(); ++i) delete_chunks(*tokens[i], c.domain_attribute, had_[i], true, chunks);
    for (const auto& chunk : chunks) add(answer.headers, chunk);
    std::string location(head.scheme);
    ((location += "://") += head.authority) += '/';
    if (!c.end_session_endpoint.empty()) {
      const auto home = c.logout_uri == nullptr ? location : formatted(*c.logout_uri);
      location = c.end_session_endpoint + "?id_token_hint=";
      if (signed_) location += cookies.get(c.id.name);  // else it may be any text that was encrypted here once
      location += "&client_id=" + c.client_id;
      if (!c.without_logout_uri) location += "&post_logout_redirect_uri=" + url_encode(home);
    }
    return answer_with(answer, location, "oauth.sign_out");
  }

  // Answers.

  FilterStatus unauthorized(const std::string& why) {
    Headers deleted(stream_.arena());
    if (!flow_.empty()) delete_flow_cookies(deleted);
    return reply(401, "OAuth flow failed.", why, deleted);
  }
  FilterStatus unavailable(const std::string& why) { return reply(503, "Service Unavailable", why, Headers(stream_.arena())); }
  FilterStatus reply(std::uint16_t status, std::string_view body, std::string why, const Headers& headers) {
    count(OAuth2Stat::failure);
    for (char& c : why)
      if (c == ' ' || (c >= '\t' && c <= '\r')) c = '_';
    hcm::LocalReply r{.status = status, .body = body, .details = stream_.arena().copy(why)};
    r.set_headers(headers);
    stream_.local_reply(r);
    return FilterStatus::stop;
  }

  const OAuth2Factory& factory_;
  const OAuth2Config* config_ = nullptr;
  std::shared_ptr<const std::string> hmac_, client_;
  std::unique_ptr<OAuth2TokenCall> call_;
  bool renews_ = false;  // the call is for that
  bool signed_ = false;  // the tokens of the request are ours
  bool waits_ = false;   // the request, for the call
  std::optional<FilterStatus> outcome_;
  bool renewed_ = false;  // the response tells the browser
  std::string flow_, original_url_;
  std::array<HadCookies, 3> had_;  // as token_settings()
  OAuth2Tokens tokens_;
  std::vector<std::string> token_cookies_;
  std::string age_, id_age_, refresh_age_, expires_;
};

}  // namespace

hcm::HttpFilter* OAuth2Factory::make(hcm::Stream& stream, Arena& arena) const { return arena.make<OAuth2>(stream, *this); }

}  // namespace outrigger::filters
