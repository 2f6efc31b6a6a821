// Keys that tokens are checked with (RFC 7517), and the check of a token's signature. Immutable; shared by workers.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include "filters/jwt.h"
#include "proxy/base/result.h"
#include "proxy/tls/openssl.h"

namespace outrigger::filters {

class Jwks {
 public:
  /// A set of keys, or an object of certificates by key id. Keys that can't be used are left out; an error when none is left,
  /// which says what is wrong with the first.
  static Result<Jwks> parse(std::string_view json);

  /// One of the keys has made the token's signature.
  JwtStatus check(const Jwt& jwt) const;
  std::size_t size() const noexcept { return keys_.size(); }

 private:
  enum class Kind : std::uint8_t { rsa, ec, hmac, ed25519 };
  struct Key {
    Kind kind{};
    std::string id, alg;  // empty: any
    tls::KeyPtr key;
    std::string secret;  // of hmac
    int curve_bits = 0;  // of ec
    /// By algorithm: a check that was begun (which takes a sixth of an RSA key's check) and is copied for each token.
    std::vector<std::pair<std::string_view, tls::DigestPtr>> begun;
  };
  static Result<Key> read(const MetadataValue& object);
  static Result<Key> read_rsa(const MetadataValue& object);
  static Result<Key> read_ec(const MetadataValue& object, std::string_view alg);
  static Result<Key> read_secret(const MetadataValue& object);
  static Result<Key> read_ed25519(const MetadataValue& object);
  static Result<Key> read_certificate(const std::string& pem);
  static void prepare(Key& key);
  static JwtStatus check(const Key& key, const Jwt& jwt, std::string_view signed_text);

  std::vector<Key> keys_;
};

}  // namespace outrigger::filters
