// Owners of OpenSSL's objects, and what the library needs once per process.
#pragma once
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <memory>
#include <string>
#include <string_view>

namespace outrigger::tls {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};
inline void free_certificates(STACK_OF(X509) * s) noexcept { sk_X509_pop_free(s, X509_free); }
inline void free_names(GENERAL_NAMES* n) noexcept { GENERAL_NAMES_free(n); }

using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using SslPtr = std::unique_ptr<SSL, Freed<SSL_free>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, Freed<SSL_SESSION_free>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, Freed<X509_CRL_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using DigestPtr = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using ChainPtr = std::unique_ptr<STACK_OF(X509), Freed<free_certificates>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freed<free_names>>;

/// Before the first use, idempotent: no openssl.cnf is read (the config alone decides), and the
/// library's record buffers are kept for reuse.
void init_openssl();

/// Read-only memory as a BIO; `bytes` must outlive it.
BioPtr memory_bio(std::string_view bytes);

std::string sha256(std::string_view bytes);  // 32 bytes

}  // namespace outrigger::tls
