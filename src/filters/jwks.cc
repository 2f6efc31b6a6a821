#include "filters/jwks.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <algorithm>

#include "proxy/base/base64.h"
#include "proxy/base/json.h"

namespace outrigger::filters {

namespace {

using NumberPtr = std::unique_ptr<BIGNUM, tls::Freed<BN_free>>;
using BuildPtr = std::unique_ptr<OSSL_PARAM_BLD, tls::Freed<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, tls::Freed<OSSL_PARAM_free>>;
using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, tls::Freed<EVP_PKEY_CTX_free>>;
using SignaturePtr = std::unique_ptr<ECDSA_SIG, tls::Freed<ECDSA_SIG_free>>;

constexpr int kRsaBitsMax = 16384;  // a larger one costs more than a request may
constexpr std::size_t kEd25519Key = 32, kEd25519Signature = 64;

const unsigned char* bytes(std::string_view s) noexcept { return reinterpret_cast<const unsigned char*>(s.data()); }

/// Error: it isn't there, or no string.
Result<std::string> text_field(const MetadataValue& object, std::string_view name, std::string_view of) {
  const auto* v = object.field(name);
  if (v == nullptr) return invalid("[" + std::string(name) + "] field is missing for " + std::string(of));
  if (v->kind != MetadataValue::string) return invalid("[" + std::string(name) + "] field is not string for " + std::string(of));
  return v->text;
}

/// A string, else nothing.
std::string optional_text(const MetadataValue& object, std::string_view name) {
  const auto* v = object.field(name);
  return v != nullptr && v->kind == MetadataValue::string ? v->text : std::string();
}

Result<NumberPtr> number_field(const MetadataValue& object, std::string_view name, std::string_view of) {
  auto text = text_field(object, name, of);
  if (!text) return text.error();
  std::string raw;
  if (!decode_base64url(*text, raw))
    return invalid("[" + std::string(name) + "] field is an invalid Base64 for " + std::string(of));
  return NumberPtr(BN_bin2bn(bytes(raw), static_cast<int>(raw.size()), nullptr));
}

tls::KeyPtr make_key(const char* type, OSSL_PARAM_BLD* build) {
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(build));
  const KeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    ERR_clear_error();
  return tls::KeyPtr(key);
}

const EVP_MD* digest_of(std::string_view alg) noexcept {
  return alg.ends_with("384") ? EVP_sha384() : alg.ends_with("512") ? EVP_sha512() : EVP_sha256();
}

/// Null: the key can't check what `alg` has signed.
tls::DigestPtr begin_check(EVP_PKEY* key, std::string_view alg) {
  tls::DigestPtr digest(EVP_MD_CTX_new());
  EVP_PKEY_CTX* context = nullptr;  // the digest's
  const EVP_MD* md = digest_of(alg);
  const bool good = EVP_DigestVerifyInit(digest.get(), &context, md, nullptr, key) == 1 &&
                    (!alg.starts_with("PS") || (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
                                                EVP_PKEY_CTX_set_rsa_mgf1_md(context, md) == 1));
  if (!good) digest.reset();
  return digest;
}

bool end_check(const EVP_MD_CTX* begun, std::string_view signature, std::string_view signed_text) {
  const tls::DigestPtr digest(EVP_MD_CTX_new());
  return digest != nullptr && EVP_MD_CTX_copy_ex(digest.get(), begun) == 1 &&
         EVP_DigestVerify(digest.get(), bytes(signature), signature.size(), bytes(signed_text), signed_text.size()) == 1;
}

bool check_rsa(EVP_PKEY* key, const EVP_MD_CTX* begun, const Jwt& jwt, std::string_view signed_text) {
  // (RFC 8017, 8.1.2: as long as the modulus; OpenSSL passes over leading zeros that are not there.)
  return jwt.signature.size() == static_cast<std::size_t>(EVP_PKEY_get_size(key)) && end_check(begun, jwt.signature, signed_text);
}

/// The signature is two numbers of the same size, which OpenSSL wants as ASN.1.
bool check_ec(const EVP_MD_CTX* begun, const Jwt& jwt, std::string_view signed_text) {
  const std::size_t half = jwt.signature.size() / 2;
  NumberPtr r(BN_bin2bn(bytes(jwt.signature), static_cast<int>(half), nullptr));
  NumberPtr s(BN_bin2bn(bytes(jwt.signature) + half, static_cast<int>(half), nullptr));
  const SignaturePtr signature(ECDSA_SIG_new());
  if (signature == nullptr || r == nullptr || s == nullptr || half == 0) return false;
  if (ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return false;
  static_cast<void>(r.release());  // its owner is the signature
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return false;
  const bool good = end_check(begun, {reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)}, signed_text);
  OPENSSL_free(der);
  return good;
}

bool check_hmac(const std::string& secret, const Jwt& jwt, std::string_view signed_text) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (HMAC(digest_of(jwt.alg), secret.data(), static_cast<int>(secret.size()), bytes(signed_text), signed_text.size(), out,
           &size) == nullptr)
    return false;
  return size == jwt.signature.size() && CRYPTO_memcmp(out, jwt.signature.data(), size) == 0;
}

bool check_ed25519(EVP_PKEY* key, const Jwt& jwt, std::string_view signed_text) {
  const tls::DigestPtr digest(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(digest.get(), nullptr, nullptr, nullptr, key) == 1 &&
         EVP_DigestVerify(digest.get(), bytes(jwt.signature), jwt.signature.size(), bytes(signed_text), signed_text.size()) == 1;
}

}  // namespace

Result<Jwks::Key> Jwks::read_rsa(const MetadataValue& object) {
  auto n = number_field(object, "n", "a RSA key");
  if (!n) return n.error();
  auto e = number_field(object, "e", "a RSA key");
  if (!e) return e.error();
  const Error bad = invalid("Jwks RSA [n] or [e] field is missing or has a parse error");
  if (!BN_is_word(e->get(), 3) && !BN_is_word(e->get(), 65537)) return bad;
  if (BN_num_bits(n->get()) < 512 || BN_num_bits(n->get()) > kRsaBitsMax || !BN_is_odd(n->get())) return bad;
  const BuildPtr build(OSSL_PARAM_BLD_new());
  if (OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, n->get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, e->get()) != 1)
    return bad;
  Key o;
  o.kind = Kind::rsa;
  o.key = make_key("RSA", build.get());
  if (o.key == nullptr) return bad;
  return o;
}

Result<Jwks::Key> Jwks::read_ec(const MetadataValue& object, std::string_view alg) {
  static constexpr struct {
    std::string_view alg, curve;
    const char* group;
    int bits;
  } kCurves[] = {
      {"ES256", "P-256", "prime256v1", 256}, {"ES384", "P-384", "secp384r1", 384}, {"ES512", "P-521", "secp521r1", 521}};
  const auto* crv = object.field("crv");
  if (crv != nullptr && crv->kind != MetadataValue::string) return invalid("[crv] field is not string for an EC key");
  const std::string_view curve = crv == nullptr ? std::string_view{} : crv->text;
  const bool neither = alg.empty() && curve.empty();
  const auto* known = std::find_if(std::begin(kCurves), std::end(kCurves), [&](const auto& c) {
    return neither ? c.bits == 256 : (alg.empty() || c.alg == alg) && (curve.empty() || c.curve == curve);
  });
  if (known == std::end(kCurves))
    return invalid(alg.empty() || curve.empty() ? "[crv] or [alg] field is not supported for an EC key"
                                                : "[crv] field specified is not compatible with [alg] for an EC key");
  const auto x = number_field(object, "x", "an EC key"), y = number_field(object, "y", "an EC key");
  if (!x) return x.error();
  if (!y) return y.error();
  const Error bad = invalid("Jwks EC [x] and [y] fields have a parse error.");
  const int size = (known->bits + 7) / 8;
  std::string point(static_cast<std::size_t>(1 + 2 * size), '\x04');
  auto* out = reinterpret_cast<unsigned char*>(point.data());
  if (BN_bn2binpad(x->get(), out + 1, size) != size || BN_bn2binpad(y->get(), out + 1 + size, size) != size) return bad;
  const BuildPtr build(OSSL_PARAM_BLD_new());
  if (OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, known->group, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1)
    return bad;
  Key o;
  o.kind = Kind::ec;
  o.curve_bits = known->bits;
  o.key = make_key("EC", build.get());  // refuses a point that is not on the curve
  if (o.key == nullptr) return bad;
  return o;
}

Result<Jwks::Key> Jwks::read_secret(const MetadataValue& object) {
  auto k = text_field(object, "k", "an HMAC key");
  if (!k) return k.error();
  Key o;
  o.kind = Kind::hmac;
  if (!decode_base64url(*k, o.secret) || o.secret.empty()) return invalid("Jwks Oct key is an invalid Base64");
  return o;
}

Result<Jwks::Key> Jwks::read_ed25519(const MetadataValue& object) {
  auto crv = text_field(object, "crv", "an OKP key");
  if (!crv) return crv.error();
  if (*crv != "Ed25519") return invalid("[crv] field is not supported for an OKP key");
  auto x = text_field(object, "x", "an OKP key");
  if (!x) return x.error();
  std::string raw;
  if (!decode_base64url(*x, raw)) return invalid("Jwks OKP [x] field is an invalid Base64.");
  if (raw.size() != kEd25519Key) return invalid("Jwks OKP [x] field is wrong length.");
  Key o;
  o.kind = Kind::ed25519;
  o.key.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(raw), raw.size()));
  if (o.key == nullptr) return invalid("Jwks OKP [x] field is wrong length.");
  return o;
}

Result<Jwks::Key> Jwks::read_certificate(const std::string& pem) {
  const auto bio = tls::memory_bio(pem);
  const tls::X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  Key o;
  o.kind = Kind::rsa;
  if (certificate != nullptr) o.key.reset(X509_get_pubkey(certificate.get()));
  ERR_clear_error();
  if (o.key == nullptr || EVP_PKEY_get_base_id(o.key.get()) != EVP_PKEY_RSA || EVP_PKEY_get_bits(o.key.get()) > kRsaBitsMax)
    return invalid("X509 parse pubkey fails");
  return o;
}

Result<Jwks::Key> Jwks::read(const MetadataValue& object) {
  const auto* kty = object.field("kty");
  if (kty == nullptr) return invalid("[kty] is missing in [keys]");
  if (kty->kind != MetadataValue::string) return invalid("[kty] is bad in [keys]");
  const std::string alg = optional_text(object, "alg");
  const auto any_of = [&](std::initializer_list<std::string_view> prefixes) {
    return alg.empty() || std::any_of(prefixes.begin(), prefixes.end(), [&](auto p) { return alg.starts_with(p); });
  };
  auto made = [&]() -> Result<Key> {
    if (kty->text == "RSA") {
      if (!any_of({"RS", "PS"})) return invalid("[alg] is not started with [RS] or [PS] for an RSA key");
      return read_rsa(object);
    }
    if (kty->text == "EC") {
      if (!any_of({"ES"})) return invalid("[alg] is not started with [ES] for an EC key");
      return read_ec(object, alg);
    }
    if (kty->text == "oct") {
      if (!any_of({"HS256", "HS384", "HS512"})) return invalid("[alg] does not start with [HS] for an HMAC key");
      return read_secret(object);
    }
    if (kty->text == "OKP") {
      if (!any_of({"EdDSA"})) return invalid("[alg] is not [EdDSA] for an OKP key");
      return read_ed25519(object);
    }
    return invalid("[kty] is not supported in [keys]");
  }();
  if (!made) return made;
  made->id = optional_text(object, "kid");
  made->alg = alg;
  return made;
}

Result<Jwks> Jwks::parse(std::string_view json) {
  const auto object = parse_json_object(json);
  if (!object) return invalid("Jwks is an invalid JSON");
  Jwks o;
  std::optional<Error> first;
  const auto add = [&](Result<Key> key) {
    if (key)
      prepare(o.keys_.emplace_back(std::move(*key)));
    else if (!first)
      first = key.error();
  };
  const auto* keys = object->field("keys");
  const auto is_certificate = [](const auto& field) {
    return field.second.kind == MetadataValue::string && field.second.text.starts_with("-----BEGIN CERTIFICATE-----\n") &&
           field.second.text.ends_with("\n-----END CERTIFICATE-----\n");
  };
  if (keys != nullptr) {
    if (keys->kind != MetadataValue::list) return invalid("[keys] in Jwks is not an array");
    for (const auto& item : keys->items)
      if (item.kind == MetadataValue::object) add(read(item));
  } else {
    if (object->fields.empty() || !std::all_of(object->fields.begin(), object->fields.end(), is_certificate))
      return invalid("Jwks does not have [keys] field");
    for (const auto& [id, pem] : object->fields) {
      auto key = read_certificate(pem.text);
      if (!key) return key.error();
      key->id = id;
      add(std::move(key));
    }
  }
  if (o.keys_.empty()) return first ? *first : invalid("Jwks doesn't have any valid public key");
  return o;
}

/// A key checks only what an algorithm of its own kind has signed: no key is taken for another's (a public key for a secret).
void Jwks::prepare(Key& key) {
  const auto add = [&](std::string_view alg) {
    if (!key.alg.empty() && key.alg != alg) return;
    if (auto begun = begin_check(key.key.get(), alg)) key.begun.emplace_back(alg, std::move(begun));
  };
  if (key.kind == Kind::rsa)
    for (const auto alg : {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}) add(alg);
  if (key.kind == Kind::ec) add(key.curve_bits == 256 ? "ES256" : key.curve_bits == 384 ? "ES384" : "ES512");
  ERR_clear_error();
}

JwtStatus Jwks::check(const Key& key, const Jwt& jwt, std::string_view signed_text) {
  const auto begun = std::find_if(key.begun.begin(), key.begun.end(), [&](const auto& b) { return b.first == jwt.alg; });
  const bool may = begun != key.begun.end();
  bool good = false;
  switch (key.kind) {
    case Kind::rsa: good = may && check_rsa(key.key.get(), begun->second.get(), jwt, signed_text); break;
    case Kind::ec: good = may && check_ec(begun->second.get(), jwt, signed_text); break;
    case Kind::hmac: good = jwt.alg.starts_with("HS") && check_hmac(key.secret, jwt, signed_text); break;
    case Kind::ed25519:
      if (jwt.signature.size() != kEd25519Signature) return JwtStatus::ed25519_length;
      good = jwt.alg == "EdDSA" && check_ed25519(key.key.get(), jwt, signed_text);
      break;
  }
  ERR_clear_error();
  return good ? JwtStatus::ok : JwtStatus::verification_fails;
}

JwtStatus Jwks::check(const Jwt& jwt) const {
  const std::string signed_text = std::string(jwt.header_base64) + '.' + std::string(jwt.payload_base64);
  JwtStatus status = JwtStatus::jwks_no_match;
  for (const auto& key : keys_) {
    if (!jwt.kid.empty() && !key.id.empty() && key.id != jwt.kid) continue;
    if (!key.alg.empty() && key.alg != jwt.alg) continue;
    status = check(key, jwt, signed_text);
    if (status == JwtStatus::ok || status == JwtStatus::ed25519_length) return status;
  }
  return status;
}

}  // namespace outrigger::filters
