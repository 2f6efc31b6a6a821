// A certificate of ours: its chain and private key, loaded once and shared by all contexts that use it.
// Immutable, any thread. Nothing here prints the key.
#pragma once
#include <memory>
#include <string>
#include <vector>
#include "proxy/base/result.h"
#include "proxy/net/tls_info.h"
#include "proxy/tls/openssl.h"

namespace outrigger::tls {

/// What a config gives, already read; the names say where it came from ("<inline>", a path).
struct CertificateSource {
  std::string name;  // of the secret
  std::string chain, key, password, pkcs12;
  std::string ocsp;  // a response to staple, DER; empty: none
  std::string chain_from = "<inline>", key_from = "<inline>", pkcs12_from = "<inline>", ocsp_from = "<inline>";
};

class Certificate {
 public:
  /// The errors are Envoy's, with OpenSSL's reason.
  static Result<std::shared_ptr<const Certificate>> load(const CertificateSource& source);
  X509* leaf() const noexcept { return leaf_.get(); }
  STACK_OF(X509) * chain() const noexcept { return chain_.get(); }  // without the leaf
  EVP_PKEY* key() const noexcept { return key_.get(); }
  bool is_ecdsa() const noexcept { return curve_ != 0; }
  int curve() const noexcept { return curve_; }  // NID; 0: not an elliptic curve
  const net::CertificateFacts& facts() const noexcept { return facts_; }
  /// What SNI is compared with, as it is written: the DNS names, or the common name when there are none.
  const std::vector<std::string>& server_names() const noexcept { return server_names_; }
  const std::string& name() const noexcept { return name_; }
  const std::string& from() const noexcept { return from_; }
  /// The response to staple as it was given: servers look into it. Empty: none.
  const std::string& ocsp() const noexcept { return ocsp_; }
  const std::string& ocsp_from() const noexcept { return ocsp_from_; }
  /// Equal for the same chain and response.
  const std::string& identity() const noexcept { return identity_; }

 private:
  Certificate() = default;
  Result<void> load_pem(const CertificateSource& s);
  Result<void> load_pkcs12(const CertificateSource& s);
  Result<void> check(const std::string& key_from);
  X509Ptr leaf_;
  ChainPtr chain_;
  KeyPtr key_;
  int curve_ = 0;
  net::CertificateFacts facts_;
  std::vector<std::string> server_names_;
  std::string name_, from_, identity_, ocsp_, ocsp_from_;
};
using CertificatePtr = std::shared_ptr<const Certificate>;

}  // namespace outrigger::tls
