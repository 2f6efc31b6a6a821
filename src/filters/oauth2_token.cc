#include "filters/oauth2_token.h"

#include <openssl/crypto.h>
#include <algorithm>
#include <cmath>

#include "proxy/base/base64.h"
#include "proxy/base/json.h"
#include "proxy/base/numbers.h"

namespace outrigger::filters {

using http::Name;

namespace {

constexpr std::size_t kShownMax = 1024;  // of an answer, in details

/// By its name in a message, or as JSON has it. Null: absent, or null.
const MetadataValue* member(const MetadataValue& object, std::string_view name, std::string_view camel) {
  const auto* v = object.field(name);
  if (v == nullptr) v = object.field(camel);
  return v == nullptr || v->kind == MetadataValue::null ? nullptr : v;
}

/// False: something else than a text.
bool read_text(const MetadataValue* v, std::string& out) {
  if (v == nullptr) return true;
  out = v->text;
  return v->kind == MetadataValue::string;
}

/// Whole seconds, as a number or a text. False: something else.
bool read_seconds(const MetadataValue* v, std::chrono::seconds& out) {
  if (v == nullptr) return true;
  constexpr double kMost = 1e15;  // some million years
  double n = -1;
  if (v->kind == MetadataValue::number) n = v->n;
  if (v->kind == MetadataValue::string) {
    const auto whole = to_number<std::uint64_t>(v->text);
    if (whole) n = static_cast<double>(*whole);
  }
  double rest = 0;
  if (n < 0 || n > kMost || std::modf(n, &rest) != 0) return false;
  out = std::chrono::seconds(static_cast<std::int64_t>(n));
  return true;
}

}  // namespace

bool read_tokens(std::string_view body, std::chrono::seconds default_expiry, OAuth2Tokens& out, std::string_view& reason) {
  const auto json = parse_json_object(body);
  out.expiry = default_expiry;
  const auto* access = json ? member(*json, "access_token", "accessToken") : nullptr;
  if (!json || !read_text(access, out.access) || !read_text(member(*json, "id_token", "idToken"), out.id) ||
      !read_text(member(*json, "refresh_token", "refreshToken"), out.refresh) ||
      !read_seconds(member(*json, "expires_in", "expiresIn"), out.expiry)) {
    reason = "Failed to parse oauth response body";
    return false;
  }
  if (access == nullptr) {
    reason = "No access token found in the token exchange response";
    return false;
  }
  if (out.expiry <= std::chrono::seconds(0)) {
    reason = "No default or explicit access token expiration found in the token exchange response";
    return false;
  }
  return true;
}

/// As the config says they are sent.
void OAuth2TokenCall::credentials(std::string& body, std::string_view secret) {
  if (config_.client_auth == ClientAuth::basic) {
    std::string both = config_.client_id + ':';
    both += secret;
    call_.head().headers.add(Name::authorization, stream_.arena().copy("Basic " + encode_base64(both)));
    OPENSSL_cleanse(both.data(), both.size());
    return;
  }
  body += "&client_id=" + form_encode(config_.client_id);
  if (config_.client_auth == ClientAuth::assertion)
    body += "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=" +
            form_encode(secret);
  if (config_.client_auth == ClientAuth::form) body += "&client_secret=" + form_encode(secret);
}

void OAuth2TokenCall::exchange_code(std::string_view code, std::string_view redirect_uri, std::string_view verifier,
                                    std::string_view secret) {
  std::string body = "grant_type=authorization_code&code=";
  body += code;
  call_.head().headers.add(Name::content_type, "application/x-www-form-urlencoded");
  call_.head().headers.add(Name::accept, "application/json");
  credentials(body, secret);
  body += "&redirect_uri=" + form_encode(redirect_uri) + "&code_verifier=";
  body += verifier;
  ask(body);
}

void OAuth2TokenCall::exchange_refresh_token(std::string_view token, std::string_view secret) {
  std::string body = "grant_type=refresh_token&refresh_token=" + form_encode(token);  // Envoy forgets that with ClientAuth::basic
  call_.head().headers.add(Name::content_type, "application/x-www-form-urlencoded");
  call_.head().headers.add(Name::accept, "application/json");
  credentials(body, secret);
  ask(body);
}

void OAuth2TokenCall::ask(const std::string& body) {
  auto* cluster = stream_.worker().clusters.find(config_.token_cluster);
  if (cluster == nullptr) return told_.on_token_failure("Token endpoint cluster not found");
  auto& head = call_.head();
  head.method = "POST";
  head.scheme = "http";
  head.path = config_.token_path;
  head.authority = config_.token_authority;
  head.headers.add(Name::content_length, decimal(body.size(), stream_.arena()));
  Buffer bytes;
  bytes.append(body);
  call_.start(*cluster, std::move(bytes), config_.token_timeout, true);
}

void OAuth2TokenCall::on_side_answer(http::ResponseHead& head, Buffer& body, const http::HeaderMap*) {
  std::string text;
  for (std::size_t i = 0; i < body.runs(); ++i) text += body.run(i);
  if (head.status != 200) {
    const bool tells = head.status / 100 != 2 || text.find("token") == std::string::npos;  // no tokens in logs
    const std::string shown = tells ? text.substr(0, kShownMax) : std::string();
    OPENSSL_cleanse(text.data(), text.size());
    return told_.on_token_refused("response code: " + std::to_string(head.status) + ", response body: " + shown);
  }
  OAuth2Tokens tokens;
  std::string_view reason;
  const bool good = read_tokens(text, config_.default_expiry, tokens, reason);
  OPENSSL_cleanse(text.data(), text.size());
  good ? told_.on_tokens(std::move(tokens)) : told_.on_token_failure(reason);
}

void OAuth2TokenCall::on_side_failure() {
  const auto& f = call_.failure();
  if (!f.is_answer) return told_.on_token_refused({});
  std::string more = "response code: " + std::to_string(f.status) + ", response body: ";
  more += f.text;
  told_.on_token_refused(more);
}

}  // namespace outrigger::filters
