#include "filters/oauth2_state.h"

#include <algorithm>

#include "filters/oauth2_crypto.h"
#include "proxy/base/json.h"
#include "proxy/base/json_text.h"

namespace outrigger::filters {

namespace {

void append_member(std::string_view name, std::string_view value, std::string& out) {
  out += out.empty() ? '{' : ',';
  append_json_string(name, out);
  out += ':';
  append_json_string(value, out);
}

std::string text_of(const MetadataValue& object, std::string_view name) {
  const auto* v = object.field(name);
  return v == nullptr || v->kind != MetadataValue::string ? std::string() : v->text;
}

/// It becomes part of a cookie's name.
bool is_flow(std::string_view s) noexcept {
  return std::all_of(s.begin(), s.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

bool is_own(const std::string& csrf_token, std::string_view flow, const RequestCookies& cookies, const OAuth2Config& config,
            std::string_view secret) {
  const auto cookie = cookies.get(config.nonce.name, flow);
  return !cookie.empty() && same_secret(cookie, csrf_token) && is_csrf_token(secret, csrf_token);
}

OAuth2Callback check_state(std::string_view text, const RequestCookies& cookies, const OAuth2Config& config,
                           std::string_view secret) {
  OAuth2Callback out;
  std::string state;
  if (!decode_plain_base64url(text, state)) state.clear();
  const auto json = parse_json_object(state);
  if (!json) {
    out.error = "State query param is not a valid JSON: " + state;
    return out;
  }
  if (json->field("url") == nullptr || json->field("csrf_token") == nullptr) {
    out.error = "State query param does not contain url or CSRF token: " + state;
    return out;
  }
  // No other field may be believed before this.
  auto flow = text_of(*json, "flow_id");
  if (!is_flow(flow) || !is_own(text_of(*json, "csrf_token"), flow, cookies, config, secret)) {
    out.error = "CSRF token validation failed";
    return out;
  }
  out.flow = std::move(flow);
  out.url = text_of(*json, "url");
  if (!parse_absolute_url(out.url))
    out.error = "State url can not be initialized: " + out.url;
  else if (!is_allowed_domain(out.url, config.allowed_domains))
    out.error = "State url host is not in the allowed redirect domains: " + out.url;
  return out;
}

}  // namespace

std::string encode_state(std::string_view url, std::string_view csrf_token, std::string_view flow) {
  std::string json;
  append_member("url", url, json);
  append_member("csrf_token", csrf_token, json);
  append_member("flow_id", flow, json);
  return encode_base64url(json + '}');
}

OAuth2Callback check_callback(std::string_view path, const RequestCookies& cookies, const OAuth2Config& config,
                              std::string_view secret) {
  const auto query = raw_query(path);
  const auto* state = find_parameter(query, "state");
  const auto* code = find_parameter(query, "code");
  OAuth2Callback out;
  if (find_parameter(query, "error") != nullptr) {
    if (state != nullptr) out.flow = check_state(*state, cookies, config, secret).flow;
    out.error = "OAuth server returned an error: " + query_text(query);
    return out;
  }
  if (code == nullptr || state == nullptr) {
    out.error = "Code or state query param does not exist: " + query_text(query);
    return out;
  }
  out = check_state(*state, cookies, config, secret);
  out.code = *code;
  return out;
}

}  // namespace outrigger::filters
