#include "filters/oauth2_assertion.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <memory>

#include "filters/oauth2_crypto.h"
#include "proxy/base/json_text.h"
#include "proxy/base/percent.h"
#include "proxy/tls/openssl.h"

namespace outrigger::filters {

namespace {

using SignaturePtr = std::unique_ptr<ECDSA_SIG, tls::Freed<ECDSA_SIG_free>>;
constexpr std::string_view kNames[] = {"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"};

bool is_rsa(AssertionConfig::Algorithm a) noexcept { return a <= AssertionConfig::rs512; }

const EVP_MD* digest_of(AssertionConfig::Algorithm a) noexcept {
  switch (a) {
    case AssertionConfig::rs384:
    case AssertionConfig::es384: return EVP_sha384();
    case AssertionConfig::rs512:
    case AssertionConfig::es512: return EVP_sha512();
    default: return EVP_sha256();
  }
}

std::string random_uuid() {
  std::string b = random_bytes(16);
  if (b.empty()) return {};
  b[6] = static_cast<char>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<char>((b[8] & 0x3f) | 0x80);
  std::string hex = to_hex(b);
  for (const std::size_t at : {8, 13, 18, 23}) hex.insert(at, 1, '-');
  return hex;
}

/// The two numbers one after the other (RFC 7518, 3.4), not in DER.
std::string flat_signature(const std::string& der, EVP_PKEY* key) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const SignaturePtr s(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  const int width = (EVP_PKEY_bits(key) + 7) / 8;
  std::string out(static_cast<std::size_t>(width) * 2, '\0');
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  if (s == nullptr || BN_bn2binpad(ECDSA_SIG_get0_r(s.get()), to, width) != width ||
      BN_bn2binpad(ECDSA_SIG_get0_s(s.get()), to + width, width) != width)
    return {};
  return out;
}

std::string signed_by(EVP_PKEY* key, AssertionConfig::Algorithm a, const std::string& text) {
  const tls::DigestPtr c(EVP_MD_CTX_new());
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  if (c == nullptr || EVP_DigestSignInit(c.get(), nullptr, digest_of(a), nullptr, key) != 1 ||
      EVP_DigestSign(c.get(), nullptr, &size, data, text.size()) != 1)
    return {};
  std::string out(size, '\0');
  if (EVP_DigestSign(c.get(), reinterpret_cast<unsigned char*>(out.data()), &size, data, text.size()) != 1) return {};
  out.resize(size);
  return is_rsa(a) ? out : flat_signature(out, key);
}

int no_password(char*, int, int, void*) { return 0; }

}  // namespace

std::string make_assertion(const AssertionConfig& config, std::string_view client_id, std::string_view pem, std::int64_t now,
                           std::string& reason) {
  const auto bio = tls::memory_bio(pem);
  const tls::KeyPtr key(bio == nullptr ? nullptr : PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  const std::string name(kNames[config.algorithm]);
  if (key == nullptr) {
    reason = "Failed to parse private key PEM for JWT signing";
    return {};
  }
  if (EVP_PKEY_base_id(key.get()) != (is_rsa(config.algorithm) ? EVP_PKEY_RSA : EVP_PKEY_EC)) {
    reason = "signing algorithm " + name + " requires an " + (is_rsa(config.algorithm) ? "RSA" : "EC") + " private key";
    return {};
  }
  std::string claims;
  const auto add = [&](std::string_view claim, std::string_view value) {
    claims += claims.empty() ? '{' : ',';
    append_json_string(claim, claims);
    claims += ':';
    append_json_string(value, claims);
  };
  add("iss", client_id);
  add("sub", client_id);
  add("aud", config.audience);
  const auto from = std::to_string(now);
  claims += ",\"exp\":" + std::to_string(now + config.lifetime.count()) + ",\"iat\":" + from + ",\"nbf\":" + from;
  const auto id = random_uuid();
  add("jti", id);
  const auto text = encode_base64url(R"({"alg":")" + name + R"(","typ":"JWT"})") + '.' + encode_base64url(claims + '}');
  const auto signature = signed_by(key.get(), config.algorithm, text);
  ERR_clear_error();
  if (signature.empty() || id.empty()) {
    reason = "Failed to sign the JWT";
    return {};
  }
  return text + '.' + encode_base64url(signature);
}

}  // namespace outrigger::filters
