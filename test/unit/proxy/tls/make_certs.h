// Certificates for tests, made in memory when asked for.
#pragma once
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <memory>
#include <stdexcept>
#include <string>
#include "proxy/tls/certificate.h"
#include "proxy/tls/validation.h"

namespace outrigger::tls::test {

inline std::string pem(int (*write)(BIO*, const void*), const void* what) {
  BIO* out = BIO_new(BIO_s_mem());
  write(out, what);
  char* data = nullptr;
  const long n = BIO_get_mem_data(out, &data);
  std::string text(data, static_cast<std::size_t>(n));
  BIO_free(out);
  return text;
}

struct Made {
  std::shared_ptr<X509> certificate;
  std::shared_ptr<EVP_PKEY> key;
  std::string pem() const {
    return test::pem([](BIO* b, const void* c) { return PEM_write_bio_X509(b, static_cast<X509*>(const_cast<void*>(c))); },
                     certificate.get());
  }
  std::string key_pem() const {
    return test::pem(
        [](BIO* b, const void* k) {
          return PEM_write_bio_PrivateKey(b, static_cast<const EVP_PKEY*>(k), nullptr, nullptr, 0, nullptr, nullptr);
        },
        key.get());
  }
};

/// Signed by `issuer`, or by itself; `sans` as in "DNS:a.example,URI:spiffe://td/x"; `days` < 0: expired.
inline Made make(const std::string& name, const Made* issuer = nullptr, const std::string& sans = "", int days = 30) {
  init_openssl();
  static long serial = 1;
  Made m;
  m.key = {EVP_EC_gen("P-256"), EVP_PKEY_free};
  m.certificate = {X509_new(), X509_free};
  X509* x = m.certificate.get();
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x), -100L * 24 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(x), static_cast<long>(days) * 24 * 3600);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()),
                             -1, -1, 0);
  const Made& signer = issuer != nullptr ? *issuer : m;
  X509_set_issuer_name(x, X509_get_subject_name(signer.certificate.get()));
  X509_set_pubkey(x, m.key.get());
  X509V3_CTX ctx;
  X509V3_set_ctx(&ctx, signer.certificate.get(), x, nullptr, nullptr, 0);
  const auto extend = [&](int nid, const std::string& value) {
    X509_EXTENSION* e = X509V3_EXT_conf_nid(nullptr, &ctx, nid, value.c_str());
    if (e == nullptr) throw std::runtime_error("bad extension " + value);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
  };
  extend(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (!sans.empty()) extend(NID_subject_alt_name, sans);
  X509_sign(x, signer.key.get(), EVP_sha256());
  return m;
}

inline CertificatePtr load(const Made& m) {
  CertificateSource s;
  s.chain = m.pem();
  s.key = m.key_pem();
  return *Certificate::load(s);
}

inline ValidationPtr trust(const Made& ca, std::vector<SanMatcher> sans = {}) {
  ValidationSource s;
  s.ca = ca.pem();
  s.sans = std::move(sans);
  s.identity = s.ca;
  return *Validation::load(std::move(s));
}

inline SanMatcher exactly(SanKind kind, std::string text) {
  SanMatcher m;
  m.kind = kind;
  m.exact = text;
  m.matches = [text](std::string_view s) { return s == text; };
  return m;
}

}  // namespace outrigger::tls::test
