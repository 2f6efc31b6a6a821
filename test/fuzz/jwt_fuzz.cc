// Tokens and sets of keys as they come from the network: a token that was read is what its parts say, JSON that was read is
// read again from what it prints, and no key takes a signature that it has not made.
#include <algorithm>
#include <cstdint>
#include <string>

#include "filters/jwks.h"
#include "filters/jwt.h"
#include "fuzz/check.h"
#include "proxy/base/base64.h"
#include "proxy/base/json.h"
#include "proxy/base/utf8.h"

using namespace outrigger;           // NOLINT: a program of its own
using namespace outrigger::filters;  // NOLINT

namespace {

const Jwks& keys() {
  static const Jwks all = *Jwks::parse(
      R"({"keys":[{"kty":"oct","k":"c2VjcmV0"},{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},)"
      R"({"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]})");
  return all;
}

void check_json(std::string_view text) {
  const auto value = parse_json_object(text);
  check(value.has_value() == parse_json_object(std::string(text) + " \n").has_value());
  if (!value) return;
  check(is_utf8(text));
  std::string printed;
  value->append_json(printed);
  const auto again = parse_json_object(printed);
  check(again.has_value() && *again == *value);
}

void check_token(std::string_view text) {
  Jwt jwt;
  if (jwt.parse(text) != JwtStatus::ok) return;
  std::string header, payload;
  check(decode_base64url(jwt.header_base64, header) && decode_base64url(jwt.payload_base64, payload));
  check(jwt.header == *parse_json_object(header) && jwt.payload == *parse_json_object(payload));
  check(jwt.alg != "none" && jwt.text == text);
  check(jwt.check_time(jwt.nbf, 0) == JwtStatus::ok || jwt.exp < jwt.nbf);
  // Nobody but who has the secret signs: its text is not in what is tried here.
  check(keys().check(jwt) != JwtStatus::ok);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), std::min<std::size_t>(size, 16384));
  check_token(text);
  check_json(text);
  if (const auto set = Jwks::parse(text)) check(set->size() > 0);
  std::string raw;
  if (decode_base64url(text, raw)) check(raw.size() <= text.size());
  return 0;
}
