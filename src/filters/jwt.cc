#include "filters/jwt.h"

#include <algorithm>
#include <array>

#include "proxy/base/base64.h"
#include "proxy/base/json.h"

namespace outrigger::filters {

namespace {

constexpr std::string_view kAlgorithms[] = {"ES256", "ES384", "ES512", "HS256", "HS384", "HS512", "RS256",
                                            "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"};

/// False: it is there and no string.
bool get_text(const MetadataValue& object, std::string_view name, std::string_view& out) noexcept {
  const auto* v = object.field(name);
  if (v == nullptr) return true;
  out = v->text;
  return v->kind == MetadataValue::string;
}

enum class Number : std::uint8_t { fine, none, too_large };
Number get_seconds(const MetadataValue& object, std::string_view name, std::uint64_t& out) noexcept {
  const auto* v = object.field(name);
  if (v == nullptr) return Number::fine;
  if (v->kind != MetadataValue::number) return Number::none;
  if (v->n < 0 || v->n >= 18446744073709551615.0) return Number::too_large;
  out = static_cast<std::uint64_t>(v->n);
  return Number::fine;
}

bool get_audiences(const MetadataValue& payload, std::vector<std::string_view>& out) {
  const auto* v = payload.field("aud");
  if (v == nullptr) return true;
  if (v->kind == MetadataValue::string) {
    out.push_back(v->text);
    return true;
  }
  if (v->kind != MetadataValue::list) return false;
  for (const auto& item : v->items) {
    if (item.kind != MetadataValue::string) return false;
    out.push_back(item.text);
  }
  return true;
}

/// Three parts between dots; several dots in a row are one, as Envoy has it.
bool split(std::string_view token, std::array<std::string_view, 3>& parts) noexcept {
  std::size_t count = 0;
  for (std::size_t at = 0; at <= token.size();) {
    const auto dot = std::min(token.find('.', at), token.size());
    if (dot > at) {
      if (count == parts.size()) return false;
      parts[count++] = token.substr(at, dot - at);
    }
    at = dot + 1;
  }
  return count == parts.size();
}

/// "null" is an object without fields, as protobuf reads it.
std::optional<MetadataValue> read_object(std::string_view json) {
  if (json == "null") return MetadataValue{.kind = MetadataValue::object};
  return parse_json_object(json);
}

JwtStatus read_header(Jwt& o) {
  std::string json;
  if (!decode_base64url(o.header_base64, json)) return JwtStatus::header_bad_base64;
  auto object = read_object(json);
  if (!object) return JwtStatus::header_bad_json;
  o.header = std::move(*object);
  if (o.header.field("alg") == nullptr || !get_text(o.header, "alg", o.alg)) return JwtStatus::header_bad_alg;
  if (std::find(std::begin(kAlgorithms), std::end(kAlgorithms), o.alg) == std::end(kAlgorithms))
    return JwtStatus::header_unknown_alg;
  return get_text(o.header, "kid", o.kid) ? JwtStatus::ok : JwtStatus::header_bad_kid;
}

JwtStatus read_payload(Jwt& o) {
  std::string json;
  if (!decode_base64url(o.payload_base64, json)) return JwtStatus::payload_bad_base64;
  auto object = read_object(json);
  if (!object) return JwtStatus::payload_bad_json;
  o.payload = std::move(*object);
  if (!get_text(o.payload, "iss", o.iss)) return JwtStatus::payload_bad_iss;
  if (!get_text(o.payload, "sub", o.sub)) return JwtStatus::payload_bad_sub;
  std::uint64_t iat = 0;
  const struct {
    std::string_view name;
    std::uint64_t& into;
    JwtStatus none, too_large;
  } times[] = {{"iat", iat, JwtStatus::payload_bad_iat, JwtStatus::payload_iat_range},
               {"nbf", o.nbf, JwtStatus::payload_bad_nbf, JwtStatus::payload_nbf_range},
               {"exp", o.exp, JwtStatus::payload_bad_exp, JwtStatus::payload_exp_range}};
  for (const auto& t : times)
    if (const auto got = get_seconds(o.payload, t.name, t.into); got != Number::fine)
      return got == Number::none ? t.none : t.too_large;
  std::string_view jti;
  if (!get_text(o.payload, "jti", jti)) return JwtStatus::payload_bad_jti;
  return get_audiences(o.payload, o.audiences) ? JwtStatus::ok : JwtStatus::payload_bad_aud;
}

}  // namespace

std::string_view text_of(JwtStatus s) noexcept {
  switch (s) {
    case JwtStatus::ok: return "OK";
    case JwtStatus::missing: return "Jwt is missing";
    case JwtStatus::not_yet_valid: return "Jwt not yet valid";
    case JwtStatus::expired: return "Jwt is expired";
    case JwtStatus::bad_format: return "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections";
    case JwtStatus::header_bad_base64: return "Jwt header is an invalid Base64url encoded";
    case JwtStatus::header_bad_json: return "Jwt header is an invalid JSON";
    case JwtStatus::header_bad_alg: return "Jwt header [alg] field is required and must be a string";
    case JwtStatus::header_unknown_alg: return "Jwt header [alg] is not supported";
    case JwtStatus::header_bad_kid: return "Jwt header [kid] field is not a string";
    case JwtStatus::payload_bad_base64: return "Jwt payload is an invalid Base64url encoded";
    case JwtStatus::payload_bad_json: return "Jwt payload is an invalid JSON";
    case JwtStatus::payload_bad_iss: return "Jwt payload [iss] field is not a string";
    case JwtStatus::payload_bad_sub: return "Jwt payload [sub] field is not a string";
    case JwtStatus::payload_bad_iat: return "Jwt payload [iat] field is not an integer";
    case JwtStatus::payload_iat_range: return "Jwt payload [iat] field is not a positive 64 bit integer";
    case JwtStatus::payload_bad_nbf: return "Jwt payload [nbf] field is not an integer";
    case JwtStatus::payload_nbf_range: return "Jwt payload [nbf] field is not a positive 64 bit integer";
    case JwtStatus::payload_bad_exp: return "Jwt payload [exp] field is not an integer";
    case JwtStatus::payload_exp_range: return "Jwt payload [exp] field is not a positive 64 bit integer";
    case JwtStatus::payload_bad_jti: return "Jwt payload [jti] field is not a string";
    case JwtStatus::payload_bad_aud: return "Jwt payload [aud] field is not a string or string list";
    case JwtStatus::signature_bad_base64: return "Jwt signature is an invalid Base64url encoded";
    case JwtStatus::ed25519_length: return "Jwt ED25519 signature is wrong length";
    case JwtStatus::unknown_issuer: return "Jwt issuer is not configured";
    case JwtStatus::audience_not_allowed: return "Audiences in Jwt are not allowed";
    case JwtStatus::verification_fails: return "Jwt verification fails";
    case JwtStatus::jwks_no_valid_keys: return "Jwks doesn't have any valid public key";
    case JwtStatus::jwks_fetch_fails: return "Jwks remote fetch is failed";
    case JwtStatus::jwks_no_match: return "Jwks doesn't have key to match kid or alg from Jwt";
  }
  return {};
}

JwtStatus Jwt::parse(std::string_view token) {
  text = token;
  std::array<std::string_view, 3> parts;
  if (!split(text, parts)) return JwtStatus::bad_format;
  header_base64 = parts[0];
  payload_base64 = parts[1];
  if (const auto status = read_header(*this); status != JwtStatus::ok) return status;
  if (const auto status = read_payload(*this); status != JwtStatus::ok) return status;
  return decode_base64url(parts[2], signature) ? JwtStatus::ok : JwtStatus::signature_bad_base64;
}

JwtStatus Jwt::check_time(std::uint64_t now, std::uint64_t skew) const noexcept {
  if (now + skew < nbf) return JwtStatus::not_yet_valid;
  // By differences: what the token says may be as large as it likes.
  return exp != 0 && now > exp && now - exp > skew ? JwtStatus::expired : JwtStatus::ok;
}

}  // namespace outrigger::filters
