#include "filters/oauth2_crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <memory>

#include "proxy/base/base64.h"
#include "proxy/base/percent.h"
#include "proxy/tls/openssl.h"

namespace outrigger::filters {

namespace {

constexpr std::string_view kGcmPrefix = "gcm.";
constexpr std::size_t kIvBytes = 16, kNonceBytes = 12, kTagBytes = 16;
using CipherPtr = std::unique_ptr<EVP_CIPHER_CTX, tls::Freed<EVP_CIPHER_CTX_free>>;

const unsigned char* bytes(std::string_view s) noexcept { return reinterpret_cast<const unsigned char*>(s.data()); }
unsigned char* bytes(std::string& s) noexcept { return reinterpret_cast<unsigned char*>(s.data()); }

std::string digest(std::string_view secret, std::string_view text) {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes(text), text.size(), bytes(out), &size) == nullptr)
    return {};
  out.resize(size);
  return out;
}

/// A key that leaves no copy behind.
struct Key {
  explicit Key(std::string_view secret) : value(tls::sha256(secret)) {}
  ~Key() { OPENSSL_cleanse(value.data(), value.size()); }
  std::string value;
};

/// All of `in`, one way or the other. Null: done.
const char* run(EVP_CIPHER_CTX* c, std::string_view in, std::string& out) {
  out.resize(in.size() + EVP_MAX_BLOCK_LENGTH);
  int some = 0, last = 0;
  if (EVP_CipherUpdate(c, bytes(out), &some, bytes(in), static_cast<int>(in.size())) != 1) return "failed to decrypt data";
  if (EVP_CipherFinal_ex(c, bytes(out) + some, &last) != 1) return "failed to finalize decryption";
  out.resize(static_cast<std::size_t>(some + last));
  return nullptr;
}

constexpr std::size_t kTextMax = 1 << 24;  // what an int surely holds

Decrypted decrypt_gcm(std::string_view whole, std::string_view secret) {
  Decrypted d;
  if (whole.size() <= kNonceBytes + kTagBytes) return {"", "Invalid encrypted data", false};
  const Key key(secret);
  const CipherPtr c(EVP_CIPHER_CTX_new());
  std::string tag(whole.substr(whole.size() - kTagBytes));
  if (c == nullptr || key.value.empty() ||
      EVP_DecryptInit_ex(c.get(), EVP_aes_256_gcm(), nullptr, bytes(std::string_view(key.value)), bytes(whole)) != 1 ||
      EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) != 1)
    return {"", "failed to initialize decryption", false};
  d.error = run(c.get(), whole.substr(kNonceBytes, whole.size() - kNonceBytes - kTagBytes), d.text);
  if (d.error != nullptr) d.text.clear();  // whoever made it
  return d;
}

}  // namespace

std::string encode_base64url(std::string_view data) {
  std::string out = encode_base64(data);
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

bool decode_plain_base64url(std::string_view text, std::string& out) {
  return decode_base64url(text, out) && encode_base64url(out) == text;
}

bool same_secret(std::string_view a, std::string_view b) noexcept {
  return !a.empty() && a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string sign(std::string_view secret, std::string_view text) { return encode_base64(digest(secret, text)); }
std::string sign_hex(std::string_view secret, std::string_view text) { return encode_base64(to_hex(digest(secret, text))); }

std::string encrypt(std::string_view text, std::string_view secret, bool gcm) {
  const Key key(secret);
  const CipherPtr c(EVP_CIPHER_CTX_new());
  std::string out = random_bytes(gcm ? kNonceBytes : kIvBytes), sealed;
  if (c == nullptr || key.value.empty() || out.empty() || text.size() > kTextMax ||
      EVP_EncryptInit_ex(c.get(), gcm ? EVP_aes_256_gcm() : EVP_aes_256_cbc(), nullptr, bytes(std::string_view(key.value)),
                         bytes(out)) != 1 ||
      run(c.get(), text, sealed) != nullptr)
    return {};
  out += sealed;
  if (!gcm) return encode_base64url(out);
  std::string tag(kTagBytes, '\0');
  if (EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag.data()) != 1) return {};
  return std::string(kGcmPrefix) + encode_base64url(out + tag);
}

Decrypted decrypt(std::string_view text, std::string_view secret, bool cbc) {
  const bool gcm = text.starts_with(kGcmPrefix);
  std::string whole;
  if (!gcm && !cbc) return {"", "ciphertext has no algorithm marker and legacy CBC decryption is disabled", false};
  if (text.size() > kTextMax || !decode_plain_base64url(gcm ? text.substr(kGcmPrefix.size()) : text, whole))
    return {"", "Invalid encrypted data", false};
  if (gcm) return decrypt_gcm(whole, secret);
  if (whole.size() <= kIvBytes) return {"", "Invalid encrypted data", false};
  Decrypted d;
  d.cbc = true;
  const Key key(secret);
  const CipherPtr c(EVP_CIPHER_CTX_new());
  if (c == nullptr || key.value.empty() ||
      EVP_DecryptInit_ex(c.get(), EVP_aes_256_cbc(), nullptr, bytes(std::string_view(key.value)), bytes(whole)) != 1)
    return {"", "failed to initialize decryption", true};
  d.error = run(c.get(), std::string_view(whole).substr(kIvBytes), d.text);
  if (d.error != nullptr) d.text.clear();
  return d;
}

std::string random_bytes(std::size_t n) {
  std::string out(n, '\0');
  if (RAND_bytes(bytes(out), static_cast<int>(n)) != 1) return {};
  return out;
}

std::string make_csrf_token(std::string_view secret, std::string_view number) {
  return std::string(number) + '.' + sign(secret, number);
}

bool is_csrf_token(std::string_view secret, std::string_view token) {
  const auto dot = token.find('.');
  return dot != std::string_view::npos && same_secret(sign(secret, token.substr(0, dot)), token.substr(dot + 1));
}

std::string code_challenge(std::string_view verifier) { return encode_base64url(tls::sha256(verifier)); }

}  // namespace outrigger::filters
