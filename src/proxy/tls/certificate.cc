#include "proxy/tls/certificate.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <algorithm>
#include <cstring>
#include "proxy/tls/content_cache.h"
#include "proxy/tls/errors.h"
#include "proxy/tls/x509.h"

namespace outrigger::tls {

namespace {

Error load_error(const std::string& what, const std::string& from) {
  const std::string why = take_error_text();
  return invalid("Failed to load " + what + " from " + from + (why.empty() ? std::string() : ": " + why));
}

/// For PEM_read: never asks at the terminal.
int give_password(char* into, int size, int, void* arg) {
  const auto& password = *static_cast<const std::string*>(arg);
  const int n = std::min(size, static_cast<int>(password.size()));
  std::memcpy(into, password.data(), static_cast<std::size_t>(n));
  return n;
}

bool at_end_of_pem() {
  const unsigned long e = ERR_peek_last_error();
  if (e != 0 && !(ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE)) return false;
  ERR_clear_error();
  return true;
}

int curve_of(EVP_PKEY* key) {
  char name[64] = {};
  std::size_t n = 0;
  return EVP_PKEY_get_group_name(key, name, sizeof name, &n) == 1 ? OBJ_txt2nid(name) : NID_undef;
}

}  // namespace

Result<void> Certificate::load_pem(const CertificateSource& s) {
  const BioPtr chain = memory_bio(s.chain);
  leaf_.reset(PEM_read_bio_X509_AUX(chain.get(), nullptr, nullptr, nullptr));
  if (leaf_ == nullptr) return load_error("certificate chain", s.chain_from);
  chain_.reset(sk_X509_new_null());
  while (X509* next = PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr)) sk_X509_push(chain_.get(), next);
  if (!at_end_of_pem()) return load_error("certificate chain", s.chain_from);
  if (s.key.empty()) return invalid("Failed to load incomplete private key from path: " + s.key_from);
  const BioPtr key = memory_bio(s.key);
  std::string password = s.password;
  key_.reset(PEM_read_bio_PrivateKey(key.get(), nullptr, give_password, &password));
  OPENSSL_cleanse(password.data(), password.size());
  if (key_ == nullptr) return invalid("Failed to load private key from " + s.key_from + ", Cause: " + take_error_text());
  return {};
}

Result<void> Certificate::load_pkcs12(const CertificateSource& s) {
  const BioPtr in = memory_bio(s.pkcs12);
  PKCS12* p12 = d2i_PKCS12_bio(in.get(), nullptr);
  EVP_PKEY* key = nullptr;
  X509* leaf = nullptr;
  STACK_OF(X509)* chain = nullptr;
  const bool ok = p12 != nullptr && PKCS12_parse(p12, s.password.c_str(), &key, &leaf, &chain) == 1;
  PKCS12_free(p12);
  key_.reset(key);
  leaf_.reset(leaf);
  chain_.reset(chain != nullptr ? chain : sk_X509_new_null());
  if (!ok || key == nullptr || leaf == nullptr) return load_error("certificate", s.pkcs12_from);
  return {};
}

/// What Envoy demands of a certificate beyond OpenSSL's rules.
Result<void> Certificate::check(const std::string& key_from) {
  EVP_PKEY* key = X509_get0_pubkey(leaf_.get());
  const std::string text = "Failed to load certificate chain from " + from_ + ", only ";
  if (key != nullptr && EVP_PKEY_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) < 2048)
    return invalid(text + "RSA certificates with 2048-bit or larger keys are supported");
  if (key != nullptr && EVP_PKEY_base_id(key) == EVP_PKEY_EC) {
    curve_ = curve_of(key);
    if (curve_ != NID_X9_62_prime256v1 && curve_ != NID_secp384r1 && curve_ != NID_secp521r1)
      return invalid(text + "P-256, P-384 or P-521 ECDSA certificates are supported");
  }
  if (key == nullptr || X509_check_private_key(leaf_.get(), key_.get()) != 1)
    return invalid("Failed to load private key from " + key_from + ", Cause: " + take_error_text() +
                   " (the certificate is from " + from_ + ")");
  return {};
}

Result<std::shared_ptr<const Certificate>> Certificate::load(const CertificateSource& source) {
  init_openssl();
  static ContentCache<const Certificate> made;
  std::string key;
  for (const auto* part : {&source.name, &source.chain, &source.key, &source.password, &source.pkcs12, &source.chain_from,
                           &source.key_from, &source.pkcs12_from, &source.ocsp, &source.ocsp_from})
    key += sha256(*part);
  if (auto same = made.find(key)) return same;
  std::shared_ptr<Certificate> c(new Certificate);
  c->name_ = source.name;
  c->from_ = source.pkcs12.empty() ? source.chain_from : source.pkcs12_from;
  if (auto ok = source.pkcs12.empty() ? c->load_pem(source) : c->load_pkcs12(source); !ok) return ok.error();
  if (auto ok = c->check(source.pkcs12.empty() ? source.key_from : source.pkcs12_from); !ok) return ok.error();
  c->facts_ = facts_of(c->leaf_.get());
  c->identity_ = der_of(c->leaf_.get());
  for (int i = 0; i < sk_X509_num(c->chain_.get()); ++i) c->identity_ += der_of(sk_X509_value(c->chain_.get(), i));
  c->identity_ = sha256(c->identity_ + source.ocsp);
  c->ocsp_ = source.ocsp;
  c->ocsp_from_ = source.ocsp_from;
  c->server_names_ = c->facts_.dns_sans;
  if (c->server_names_.empty())
    if (auto cn = common_name_of(c->leaf_.get()); !cn.empty()) c->server_names_.push_back(std::move(cn));
  std::shared_ptr<const Certificate> out(std::move(c));
  made.add(key, out);
  return out;
}

}  // namespace outrigger::tls
