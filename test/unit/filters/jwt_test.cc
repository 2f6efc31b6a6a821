#include "filters/jwt.h"

#include <catch2/catch.hpp>
#include <string>

#include "filters/jwks.h"
#include "filters/jwt_authn.h"
#include "filters/oauth2_crypto.h"
#include "proxy/base/base64.h"

using namespace outrigger;
using namespace outrigger::filters;

namespace {

std::string token(std::string_view header, std::string_view payload, std::string_view signature = "s") {
  return encode_base64url(header) + "." + encode_base64url(payload) + "." + encode_base64url(signature);
}

JwtStatus parse(const std::string& text) { return Jwt().parse(text); }
JwtStatus parse_payload(std::string_view payload) { return parse(token(R"({"alg":"HS256"})", payload)); }

// RFC 7515, A.1: the secret, and a token that it has signed.
constexpr const char* kSecret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
constexpr const char* kHs256 =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
    "fQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
// RFC 7515, A.3: the same payload by ES256.
constexpr const char* kEcX = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
constexpr const char* kEcY = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
constexpr const char* kEs256 =
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
// RFC 8037, A.4.
constexpr const char* kEdX = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

std::string secret_key(const std::string& more = "") {
  return R"({"kty":"oct","k":")" + std::string(kSecret) + "\"" + more + "}";
}
std::string ec_key(const std::string& more = "") {
  return R"({"kty":"EC","crv":"P-256","x":")" + std::string(kEcX) + R"(","y":")" + kEcY + "\"" + more + "}";
}
std::string set_of(const std::string& keys) { return "{\"keys\":[" + keys + "]}"; }

JwtStatus check(const std::string& set, std::string_view text) {
  const auto keys = Jwks::parse(set);
  REQUIRE(keys.has_value());
  Jwt jwt;
  REQUIRE(jwt.parse(text) == JwtStatus::ok);
  return keys->check(jwt);
}

}  // namespace

TEST_CASE("base64 of URLs is read padded or not, and nothing else is", "[filters][jwt]") {
  const auto decoded = [](std::string_view s) {
    std::string out;
    return decode_base64url(s, out) ? out : "-";
  };
  CHECK(decoded("") == "");
  CHECK(decoded("YQ") == "a");
  CHECK(decoded("YQ==") == "a");
  CHECK(decoded("YWI") == "ab");
  CHECK(decoded("YWI=") == "ab");
  CHECK(decoded("YWJj") == "abc");
  CHECK(decoded("_-8") == "\xff\xef");
  for (const auto* bad : {"Y", "YQ=", "YQ===", "YWI==", "YWJj=", "Y=Q=", "YQ==YQ==", "+w", "/w", "Y.Q", "Y%"})
    CHECK(decoded(bad) == "-");
}

TEST_CASE("a token has three parts", "[filters][jwt]") {
  for (const auto* bad : {"", ".", "..", "a.b", "a.b.c.d", "a..b"}) CHECK(parse(bad) == JwtStatus::bad_format);
  CHECK(parse(token(R"({"alg":"HS256"})", "{}")) == JwtStatus::ok);
}

TEST_CASE("the header names an algorithm that is known, and no other will do", "[filters][jwt]") {
  const std::pair<std::string_view, JwtStatus> cases[] = {{"{", JwtStatus::header_bad_json},
                                                          {"{}", JwtStatus::header_bad_alg},
                                                          {R"({"alg":1})", JwtStatus::header_bad_alg},
                                                          {R"({"alg":"none"})", JwtStatus::header_unknown_alg},
                                                          {R"({"alg":"None"})", JwtStatus::header_unknown_alg},
                                                          {R"({"alg":""})", JwtStatus::header_unknown_alg},
                                                          {R"({"alg":"ES256K"})", JwtStatus::header_unknown_alg},
                                                          {R"({"alg":"ES256","alg":"none"})", JwtStatus::header_bad_json},
                                                          {R"({"alg":"ES256","kid":7})", JwtStatus::header_bad_kid}};
  for (const auto& [header, status] : cases) CHECK(parse(token(header, "{}")) == status);
  CHECK(parse("a%." + encode_base64url("{}") + ".c") == JwtStatus::header_bad_base64);
}

TEST_CASE("claims have their types", "[filters][jwt]") {
  const std::pair<std::string_view, JwtStatus> cases[] = {{"[]", JwtStatus::payload_bad_json},
                                                          {R"({"iss":1})", JwtStatus::payload_bad_iss},
                                                          {R"({"sub":null})", JwtStatus::payload_bad_sub},
                                                          {R"({"iat":"1"})", JwtStatus::payload_bad_iat},
                                                          {R"({"iat":-1})", JwtStatus::payload_iat_range},
                                                          {R"({"nbf":[]})", JwtStatus::payload_bad_nbf},
                                                          {R"({"nbf":1e20})", JwtStatus::payload_nbf_range},
                                                          {R"({"exp":{}})", JwtStatus::payload_bad_exp},
                                                          {R"({"exp":-0.5})", JwtStatus::payload_exp_range},
                                                          {R"({"jti":1})", JwtStatus::payload_bad_jti},
                                                          {R"({"aud":[1]})", JwtStatus::payload_bad_aud},
                                                          {R"({"aud":["a"],"exp":1.5})", JwtStatus::ok}};
  for (const auto& [payload, status] : cases) CHECK(parse_payload(payload) == status);
}

TEST_CASE("a token is good between its times, give or take the skew", "[filters][jwt]") {
  Jwt jwt;
  REQUIRE(jwt.parse(token(R"({"alg":"HS256"})", R"({"nbf":1000,"exp":2000})")) == JwtStatus::ok);
  CHECK(jwt.check_time(939, 60) == JwtStatus::not_yet_valid);
  CHECK(jwt.check_time(940, 60) == JwtStatus::ok);
  CHECK(jwt.check_time(2060, 60) == JwtStatus::ok);
  CHECK(jwt.check_time(2061, 60) == JwtStatus::expired);
  Jwt endless;
  REQUIRE(endless.parse(token(R"({"alg":"HS256"})", R"({"exp":18446744073709549568})")) == JwtStatus::ok);
  CHECK(endless.check_time(2'000'000'000, 4'294'967'295) == JwtStatus::ok);
}

TEST_CASE("signatures of the standards' examples are good, and changed ones are not", "[filters][jwt]") {
  CHECK(check(set_of(secret_key()), kHs256) == JwtStatus::ok);
  CHECK(check(set_of(ec_key()), kEs256) == JwtStatus::ok);
  CHECK(check(set_of(secret_key() + "," + ec_key()), kEs256) == JwtStatus::ok);
  for (std::string text : {std::string(kHs256), std::string(kEs256)}) {
    text[text.size() - 10] = text[text.size() - 10] == 'A' ? 'B' : 'A';
    CHECK(check(set_of(secret_key() + "," + ec_key()), text) == JwtStatus::verification_fails);
    CHECK(check(set_of(secret_key() + "," + ec_key()), text.substr(0, text.rfind('.')) + ".AA") == JwtStatus::verification_fails);
  }
}

TEST_CASE("a key is found by its id and algorithm", "[filters][jwt]") {
  CHECK(check(set_of(secret_key(R"(,"alg":"HS384")")), kHs256) == JwtStatus::jwks_no_match);
  CHECK(check(set_of(secret_key(R"(,"alg":"HS256","kid":"any")")), kHs256) == JwtStatus::ok);
  const auto with_id = token(R"({"alg":"HS256","kid":"k"})", "{}");
  CHECK(check(set_of(secret_key(R"(,"kid":"other")")), with_id) == JwtStatus::jwks_no_match);
  CHECK(check(set_of(secret_key(R"(,"kid":"k")")), with_id) == JwtStatus::verification_fails);
  CHECK(check(set_of(secret_key()), with_id) == JwtStatus::verification_fails);
}

TEST_CASE("no key is taken for one of another kind", "[filters][jwt]") {
  const std::string ed = R"({"kty":"OKP","crv":"Ed25519","x":")" + std::string(kEdX) + "\"}";
  for (const auto* alg : {"HS256", "RS256", "PS256", "ES384", "EdDSA"}) {
    const std::string header = R"({"alg":")" + std::string(alg) + "\"}";
    CHECK(check(set_of(ec_key()), token(header, "{}", std::string(64, 'x'))) == JwtStatus::verification_fails);
    CHECK(check(set_of(ed), token(header, "{}", std::string(64, 'x'))) == JwtStatus::verification_fails);
  }
  CHECK(check(set_of(ed), token(R"({"alg":"EdDSA"})", "{}", "short")) == JwtStatus::ed25519_length);
}

TEST_CASE("sets of keys without one that can be used are refused", "[filters][jwt]") {
  for (const auto* bad :
       {"", "x", "{}", R"({"keys":1})", R"({"keys":[]})", R"({"keys":[1]})", R"({"keys":[{}]})", R"({"keys":[{"kty":"x"}]})",
        R"({"keys":[{"kty":"oct"}]})", R"({"keys":[{"kty":"oct","k":""}]})", R"({"keys":[{"kty":"oct","k":"YQ","alg":"RS256"}]})",
        R"({"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"}]})", R"({"keys":[{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}]})",
        R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"AQ"}]})",
        R"({"a":"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"})"})
    CHECK_FALSE(Jwks::parse(bad).has_value());
  CHECK(Jwks::parse(set_of(R"({"kty":"x"},7,)" + secret_key()))->size() == 1);
}

TEST_CASE("audiences are the same with and without a scheme and a slash", "[filters][jwt]") {
  Audiences a;
  CHECK(a.allow({}));
  a.add("https://one.example/");
  CHECK_FALSE(a.allow({}));
  CHECK(a.allow({"x", "one.example"}));
  CHECK(a.allow({"http://one.example"}));
  CHECK_FALSE(a.allow({"https://one.example//"}));
  CHECK_FALSE(a.allow({"ftp://one.example"}));
}

TEST_CASE("of tokens that were checked the last ones are kept until they expire", "[filters][jwt]") {
  JwtCache cache(2, 200);
  const auto put = [&](std::string_view id, std::string_view more = "") {
    auto jwt = std::make_unique<Jwt>();
    const auto text = token(R"({"alg":"HS256"})", R"({"exp":100,"jti":")" + std::string(id) + "\"" + std::string(more) + "}");
    REQUIRE(jwt->parse(text) == JwtStatus::ok);
    cache.put(std::move(jwt));
    return text;
  };
  const auto a = put("a"), b = put("b");
  CHECK(cache.find(a, 0) != nullptr);
  const auto c = put("c");
  CHECK(cache.find(b, 0) == nullptr);
  CHECK(cache.find(a, 100) != nullptr);
  CHECK(cache.find(a, 101) == nullptr);
  CHECK(cache.find(a, 0) == nullptr);
  CHECK(cache.find(c, 0) != nullptr);
  CHECK(cache.find(put("d", R"(,"x":")" + std::string(200, 'y') + "\""), 0) == nullptr);
}
