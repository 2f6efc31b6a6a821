// JSON Web Tokens (RFC 7519) signed as RFC 7515 says: what one holds, and why one is refused, in Envoy's words. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/base/metadata.h"

namespace outrigger::filters {

/// The numbers are Envoy's, which shows them in metadata.
enum class JwtStatus : std::uint8_t {
  ok = 0,
  missing,
  not_yet_valid,
  expired,
  bad_format,
  header_bad_base64,
  header_bad_json,
  header_bad_alg,
  header_unknown_alg,
  header_bad_kid,
  payload_bad_base64,
  payload_bad_json,
  payload_bad_iss,
  payload_bad_sub,
  payload_bad_iat,
  payload_iat_range,
  payload_bad_nbf,
  payload_nbf_range,
  payload_bad_exp,
  payload_exp_range,
  payload_bad_jti,
  payload_bad_aud,
  signature_bad_base64,
  ed25519_length,
  unknown_issuer,
  audience_not_allowed,
  verification_fails,
  jwks_no_valid_keys = 31,
  jwks_no_match = 32,
  jwks_fetch_fails = 40,
};
std::string_view text_of(JwtStatus s) noexcept;

struct Jwt {
  std::string text;                                // as it came
  std::string_view header_base64, payload_base64;  // parts of it
  MetadataValue header, payload;
  std::string signature;
  std::string_view alg, kid, iss, sub;  // parts of header and payload; empty: not there
  std::uint64_t nbf = 0, exp = 0;       // seconds; 0: not there
  std::vector<std::string_view> audiences;

  Jwt() = default;
  Jwt(const Jwt&) = delete;
  Jwt& operator=(const Jwt&) = delete;
  /// Once.
  JwtStatus parse(std::string_view token);
  JwtStatus check_time(std::uint64_t now, std::uint64_t skew) const noexcept;
};

}  // namespace outrigger::filters
